"""Opus packets pass undecoded, dated by their capture."""

import asyncio
import contextlib

import pytest
from aiortc.mediastreams import MediaStreamError
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clock import TICKS_MODULUS, ticks_difference
from shared.errors import BitstreamError
from shared.in_band import embed
from shared.opus_padding import add_padding
from shared.webrtc.aiortc.rtp_tap import RtpArrival, SenderReport
from shared.webrtc.aiortc.sender_clock import CaptureTimed
from shared.webrtc.audio import OpusArrivals, OpusPacket, OpusPacketTrack, opus_duration
from shared.webrtc.opus_sdp import OpusPreferences, prefer_opus


@pytest.mark.parametrize(
    ("payload", "duration"),
    [
        (bytes([0 << 3]), 480),  # SILK narrow band, 10 ms
        (bytes([3 << 3]), 2880),  # SILK, 60 ms
        (bytes([13 << 3]), 960),  # hybrid, 20 ms
        (bytes([16 << 3]), 120),  # CELT, 2.5 ms
        (bytes([31 << 3]), 960),  # CELT, 20 ms
        (bytes([31 << 3 | 1]), 1920),  # two frames
        (bytes([31 << 3 | 3, 0x80 | 3]), 2880),  # three frames, variable size
    ],
)
def test_durations_are_those_of_rfc_6716(payload: bytes, duration: int) -> None:
    assert opus_duration(payload) == duration


def test_bad_packets_are_refused_by_name() -> None:
    with pytest.raises(BitstreamError, match=r"Opus packet of 0 bytes, 1\.\.3832 allowed"):
        opus_duration(b"")
    with pytest.raises(BitstreamError, match="code 3 without a frame count"):
        opus_duration(bytes([3]))
    with pytest.raises(BitstreamError, match=r"of 8640 ticks of 48 kHz, 1\.\.5760 allowed"):
        opus_duration(bytes([3 << 3 | 3, 3]))
    with pytest.raises(BitstreamError, match="of 0 ticks"):
        opus_duration(bytes([3, 0]))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=8))
def test_any_bytes_have_a_duration_or_an_error(payload: bytes) -> None:
    with contextlib.suppress(BitstreamError):
        assert 120 <= opus_duration(payload) <= 5760


def arrival(sequence: int, timestamp: int, *, codec: str = "opus", ssrc: int = 1) -> RtpArrival:
    return RtpArrival(
        payload=bytes([31 << 3]),
        payload_type=96,
        codec=codec,
        sequence_number=sequence,
        timestamp=timestamp % 2**32,
        ssrc=ssrc,
        arrival_ns=0,
    )


def test_before_the_first_report_packets_are_dated_by_the_moment_of_the_first() -> None:
    packets: list[OpusPacket] = []
    drops: list[str] = []
    known: list[int] = []
    arrivals = OpusArrivals(
        packets.append, drops.append, lambda arrival_ns: known[0] if known else None
    )
    arrivals.on_rtp(arrival(0, 0))
    known.append(TICKS_MODULUS - 1800)
    for number in (1, 2):
        arrivals.on_rtp(arrival(number, 960 * number))
    arrivals.on_report(SenderReport(ssrc=1, capture_time=50_000, timestamp=960 * 3))
    arrivals.on_rtp(arrival(3, 960 * 3))
    arrivals.on_rtp(arrival(0, 0, ssrc=2))  # another stream has no report yet
    assert [packet.capture_time for packet in packets] == [
        *(TICKS_MODULUS - 1800, 0),
        *(50_000, TICKS_MODULUS - 1800),
    ]
    assert drops == ["audio_undated"]


def test_packets_are_dated_by_the_report_across_the_wraps() -> None:
    packets: list[OpusPacket] = []
    drops: list[str] = []
    arrivals = OpusArrivals(packets.append, drops.append)
    arrivals.on_rtp(arrival(65535, 2**32 - 960))
    arrivals.on_report(
        SenderReport(ssrc=1, capture_time=TICKS_MODULUS - 900, timestamp=2**32 - 480)
    )
    arrivals.on_rtp(arrival(0, 2**32))
    arrivals.on_rtp(arrival(3, 960 * 3))
    arrivals.on_rtp(arrival(2, 960 * 2))
    assert [packet.capture_time for packet in packets] == [0, 5400, 3600]
    assert drops == ["audio_undated"]
    assert (arrivals.received, arrivals.lost) == (4, 1)


def test_other_codecs_other_streams_and_bad_packets_are_dropped_and_named() -> None:
    drops: list[str] = []
    arrivals = OpusArrivals(lambda packet: None, drops.append)
    arrivals.on_report(SenderReport(ssrc=1, capture_time=0, timestamp=0))
    arrivals.on_rtp(arrival(1, 0, codec="pcmu"))
    arrivals.on_rtp(arrival(1, 0, ssrc=2))
    bad = arrival(2, 0)
    arrivals.on_rtp(RtpArrival(b"", 96, "opus", 2, 0, bad.ssrc, 0))
    assert drops == ["audio_codec", "audio_undated", "audio_invalid"]


def carried(payload: bytes, sequence: int = 1) -> RtpArrival:
    return RtpArrival(payload, 96, "opus", sequence, 960 * sequence, 1, 0)


def test_parameters_are_taken_out_of_packets_dated_or_not() -> None:
    packets: list[OpusPacket] = []
    messages: list[bytes] = []
    arrivals = OpusArrivals(packets.append, lambda reason: None)
    arrivals.read_in_band(messages.append)
    sound = bytes([9 << 3]) + b"voice"
    arrivals.on_rtp(carried(embed(sound, [b"one"])))
    arrivals.on_report(SenderReport(ssrc=1, capture_time=0, timestamp=0))
    arrivals.on_rtp(carried(embed(sound, [b"two", b"three"]), 2))
    arrivals.on_rtp(carried(embed(sound, [b"two", b"three"]), 2))  # repeated by the network
    arrivals.on_rtp(carried(sound, 3))
    assert messages == [b"one", b"two", b"three", b"two", b"three"]
    assert [packet.payload for packet in packets] == [sound] * 3
    assert {packet.duration for packet in packets} == {960}


def test_foreign_padding_is_passed_on_and_damage_is_counted() -> None:
    packets: list[OpusPacket] = []
    drops: list[str] = []
    sound = bytes([9 << 3]) + b"voice"
    foreign = add_padding(sound, bytes(300))
    damaged = bytearray(embed(sound, [b"one"]))
    damaged[-1] ^= 1
    truncated = add_padding(sound, bytes(300))[:200]
    not_ours = OpusArrivals(packets.append, drops.append)
    ours = OpusArrivals(packets.append, drops.append)
    ours.read_in_band(lambda message: drops.append("message"))
    for arrivals in (not_ours, ours):
        arrivals.on_report(SenderReport(ssrc=1, capture_time=0, timestamp=0))
        for payload in (foreign, bytes(damaged)):
            arrivals.on_rtp(carried(payload))
    assert [packet.payload for packet in packets] == [foreign, bytes(damaged)] * 2
    assert drops == ["in_band_damaged"]
    ours.on_rtp(carried(truncated))
    ours.on_rtp(carried(bytes([3, 0x41]) + b"\xff" * 60_000))
    assert drops[1:] == ["audio_invalid", "audio_invalid"]


@settings(deadline=None, max_examples=200)
@given(
    data=st.binary(max_size=200),
    position=st.integers(0, 60),
    end=st.integers(0, 80),
    flip=st.integers(0, 255),
)
def test_whatever_comes_is_sound_or_counted_and_no_message_is_made_up(
    data: bytes, position: int, end: int, flip: int
) -> None:
    packets: list[OpusPacket] = []
    messages: list[bytes] = []
    drops: list[str] = []
    arrivals = OpusArrivals(packets.append, drops.append)
    arrivals.read_in_band(messages.append)
    arrivals.on_report(SenderReport(ssrc=1, capture_time=0, timestamp=0))
    damaged = bytearray(embed(bytes([9 << 3]) + b"voice", [b"one message", b"another"]))
    damaged[position % len(damaged)] ^= flip
    for payload in (data, bytes(damaged), bytes(damaged[:end])):
        arrivals.on_rtp(carried(payload))
    sounding = [reason for reason in drops if reason != "in_band_damaged"]
    assert len(packets) + len(sounding) == 3
    assert set(messages) <= {b"one message", b"another"}
    for packet in packets:
        assert opus_duration(packet.payload) == packet.duration


async def test_timestamps_follow_capture_times_exactly() -> None:
    track = OpusPacketTrack()
    assert isinstance(track, CaptureTimed)
    assert track.last_capture_time is None
    start = TICKS_MODULUS - 2000
    # 20 ms are 1800 ticks; one tick of rounding, then a gap of one packet.
    for offset in (0, 1801, 3599, 7200):
        track.put(OpusPacket(b"x", 960, (start + offset) % TICKS_MODULUS))
        packet = await track.recv()
        assert packet.pts is not None
        if offset == 0:
            first = packet.pts
        last = packet.pts - first
        assert last == {0: 0, 1801: 960, 3599: 1920, 7200: 3840}[offset]
        assert track.last_capture_time is not None
        assert abs(ticks_difference(track.last_capture_time, start + offset)) <= 4
    assert bytes(packet) == b"x"


async def test_a_full_track_gives_up_the_oldest() -> None:
    track = OpusPacketTrack(capacity=2)
    for number in range(5):
        track.put(OpusPacket(bytes([number]), 960, 1800 * number))
    assert track.dropped == 3
    assert bytes(await track.recv()) == b"\x03"


async def test_a_stopped_track_ends_who_waits() -> None:
    track = OpusPacketTrack()
    waiting = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await waiting
    track.put(OpusPacket(b"x", 960, 0))
    with pytest.raises(MediaStreamError):
        await track.recv()


def test_a_description_asks_for_sparing_mono() -> None:
    sdp = "\r\n".join(
        [
            "m=audio 9 UDP/TLS/RTP/SAVPF 96 0",
            "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
            "a=rtpmap:96 opus/48000/2",
            "a=fmtp:96 stereo=1",
            "a=rtpmap:0 PCMU/8000",
            "m=video 9 UDP/TLS/RTP/SAVPF 97",
            "a=extmap:3 of-video",
            "",
        ]
    )
    lines = prefer_opus(sdp, OpusPreferences(bitrate_bps=12_000, packet_ms=40)).split("\r\n")
    speech = "minptime=10;useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0"
    assert lines[1] == "a=rtpmap:96 opus/48000/2"
    assert lines[2] == f"a=fmtp:96 {speech};maxaveragebitrate=12000"
    assert lines[3] == "a=ptime:40"
    assert lines[4] == "a=rtpmap:0 PCMU/8000"
    assert lines[6] == "a=extmap:3 of-video"
    assert prefer_opus("v=0\r\n", OpusPreferences()) == "v=0\r\n"
