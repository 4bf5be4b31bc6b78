"""A player keeps what it got with the right times, and finds how sound and picture lie."""

from fractions import Fraction
from itertools import count, pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.played_call import PlayedCall, PlayedPacket, PlayedPicture, audio_early_ms
from benchmarks.player import Player
from benchmarks.vp8 import Vp8Assembler
from shared import bar_code
from shared.clock import SystemClock
from shared.errors import BitstreamError
from shared.webrtc.aiortc.rtp_tap import RtpArrival

_MS = 1_000_000


def _packet(
    payload: bytes, sequence: int, *, timestamp: int = 0, marker: bool = False, codec: str = "vp8"
) -> RtpArrival:
    return RtpArrival(
        payload=payload,
        payload_type=97,
        codec=codec,
        sequence_number=sequence % 2**16,
        timestamp=timestamp % 2**32,
        ssrc=1,
        arrival_ns=0,
        marker=marker,
    )


def test_a_picture_of_several_packets_is_put_together() -> None:
    assembler = Vp8Assembler()
    assert assembler.push(_packet(b"\x10abc", 65535)) is None
    assert assembler.push(_packet(b"\x00def", 0)) is None
    assert assembler.push(_packet(b"\x00g", 1, marker=True)) == b"abcdefg"
    # X and I with a picture id of 15 bits, as aiortc writes it.
    assert assembler.push(_packet(b"\x90\x80\x80\x01xyz", 2, marker=True)) == b"xyz"


def test_a_picture_with_a_gap_is_left_out_and_counted() -> None:
    assembler = Vp8Assembler()
    assembler.push(_packet(b"\x10abc", 1))
    assert assembler.push(_packet(b"\x00g", 3, marker=True)) is None
    assert assembler.pictures_lost == 1
    assert assembler.push(_packet(b"\x10new", 4, marker=True)) == b"new"
    # The start itself was lost.
    assert assembler.push(_packet(b"\x00end", 6, marker=True)) is None
    assert assembler.pictures_lost == 2


@pytest.mark.parametrize("payload", [b"", b"\x10", b"\x90", b"\x90\x80\x80\x01", b"\xff\xff\xff"])
def test_a_payload_without_data_is_refused(payload: bytes) -> None:
    with pytest.raises(BitstreamError, match=f"VP8 payload of {len(payload)} bytes without data"):
        Vp8Assembler().push(_packet(payload, 1))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.binary(max_size=20), st.integers(0, 3), st.booleans())))
def test_any_packets_give_pictures_or_one_error(packets: list[tuple[bytes, int, bool]]) -> None:
    assembler = Vp8Assembler()
    for payload, sequence, marker in packets:
        try:
            picture = assembler.push(_packet(payload, sequence, marker=marker))
        except BitstreamError:
            continue
        assert picture is None or len(picture) > 0


def test_the_player_reads_the_capture_times_of_real_pictures() -> None:
    clock = SystemClock()
    player = Player(clock)
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width = encoder.height = 256
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"deadline": "realtime", "lag-in-frames": "0"}
    times = [(clock.now_ticks() - 9000 + 3600 * i) % 2**32 for i in range(5)]
    sequence = count(65530)
    for index, capture_time in enumerate(times):
        image = np.full((256, 256, 3), 40 * index, np.uint8)
        bar_code.draw(image, capture_time)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, 25)
        for encoded in encoder.encode(frame):
            data = bytes(encoded)
            parts = [data[i : i + 1000] for i in range(0, len(data), 1000)]
            for i, part in enumerate(parts):
                player.on_video(
                    _packet(
                        (b"\x10" if i == 0 else b"\x00") + part,
                        next(sequence),
                        timestamp=3600 * index,
                        marker=i == len(parts) - 1,
                    )
                )
    player.on_audio(_packet(b"sound", 1, codec="opus"))
    call = player.close()
    assert [picture.capture_time for picture in call.pictures] == times
    assert [packet.payload for packet in call.packets] == [b"sound"]
    assert call.pictures_lost == 0
    first = call.pictures[0].glass_latency_ms
    assert first is not None
    assert first >= 100
    assert player.close() is call


def _call(*, video_delay_ms: int, audio_delay_ms: int, start: int) -> PlayedCall:
    """25 pictures and 50 packets captured from `start` ticks (monotonic time 0) on."""
    call = PlayedCall()
    for i in range(25):
        late_ns = (i % 5) * 2 * _MS  # jitter; its median is 4 ms
        call.pictures.append(
            PlayedPicture(
                b"",
                (2**32 - 9000 + i * 3600) % 2**32,
                (i * 40 + video_delay_ms - 4) * _MS + late_ns,
                (start + i * 3600) % 2**32,
                float(video_delay_ms),
            )
        )
    for i in range(50):
        call.packets.append(
            PlayedPacket(b"%d" % i, (2**32 - 99 + i * 960) % 2**32, (i * 20 + audio_delay_ms) * _MS)
        )
    return call


def test_sound_before_its_picture_counts_positive() -> None:
    start = 2**32 - 40_000
    call = _call(video_delay_ms=130, audio_delay_ms=85, start=start)
    sent = [(b"%d" % i, (start + i * 1800) % 2**32) for i in range(50)]
    assert audio_early_ms(call, sent, ticks_at_zero=start) == pytest.approx(45, abs=0.1)
    # Packets that are all alike tell nothing, those that differ still do.
    alike = [(b"silence", time) for _, time in sent]
    assert audio_early_ms(call, alike, ticks_at_zero=start) is None
    assert audio_early_ms(call, alike + sent, ticks_at_zero=start) == pytest.approx(45, abs=0.1)
    assert audio_early_ms(PlayedCall(), sent, ticks_at_zero=start) is None


def test_times_of_pictures_are_evenly_spaced_whatever_the_jitter() -> None:
    call = _call(video_delay_ms=100, audio_delay_ms=100, start=0)
    times = call.picture_times_ns()
    assert {b - a for a, b in pairwise(times)} == {40 * _MS}
    assert times[0] == 100 * _MS
    assert call.glass_latency_ms == 100
    assert PlayedCall().glass_latency_ms is None
    assert PlayedCall().picture_times_ns() == []
