"""Datagrams are told apart by their first byte and counted with their headers."""

import pytest

from shared.webrtc.wire_counter import WireCount, WireCounter, WireKind
from shared.webrtc.wire_rates import WireRateMeter


def rtp(payload_type: int, ssrc: int) -> bytes:
    return bytes([0x80, payload_type, 0, 1, 0, 0, 0, 2]) + ssrc.to_bytes(4, "big") + b"payload"


def rtcp(packet_type: int, ssrc: int) -> bytes:
    return bytes([0x80, packet_type, 0, 6]) + ssrc.to_bytes(4, "big") + b"encrypted"


@pytest.mark.parametrize(
    ("datagram", "kind"),
    [
        (b"", WireKind.CONNECTION),
        (b"\x00\x01STUN request", WireKind.CONNECTION),
        (b"\x13", WireKind.CONNECTION),
        (b"\x14", WireKind.DATA),
        (b"\x3f\xff", WireKind.DATA),
        (b"\x40\x00 TURN channel", WireKind.CONNECTION),
        (rtp(111, 7), WireKind.AUDIO),
        (rtp(97, 8), WireKind.VIDEO),
        (rtp(97 | 0x80, 8), WireKind.VIDEO),
        (rtcp(200, 7), WireKind.AUDIO),
        (rtcp(201, 99), WireKind.VIDEO),
        (b"\x80\x60\x00", WireKind.CONNECTION),
        (b"\xc0\x00 nothing known", WireKind.CONNECTION),
    ],
)
def test_first_byte_and_payload_type_tell_the_kind(datagram: bytes, kind: WireKind) -> None:
    counter = WireCounter()
    counter.set_video(frozenset({97}), frozenset({99}))
    assert counter.kind_of(datagram) is kind


def test_reports_on_video_are_known_by_the_ssrc_of_its_packets() -> None:
    counter = WireCounter()
    counter.set_video(frozenset({97}), frozenset())
    assert counter.kind_of(rtcp(200, 8)) is WireKind.AUDIO
    counter.received(rtp(97, 8), 28)
    assert counter.kind_of(rtcp(200, 8)) is WireKind.VIDEO


def test_counts_headers_and_directions_apart() -> None:
    counter = WireCounter()
    counter.sent(b"\x14" * 100, 28)
    before = counter.snapshot()
    counter.sent(b"\x14" * 10, 48)
    counter.received(rtp(111, 7), 28)
    after = counter.snapshot()
    assert before.data_sent == WireCount(packets=1, bytes=128)
    assert (after - before).data_sent == WireCount(packets=1, bytes=58)
    assert (after - before).audio_received == WireCount(packets=1, bytes=19 + 28)
    assert counter.received_bytes == after.received_bytes
    assert after.data_received == after.connection_sent == WireCount()


def test_rates_cover_the_last_seconds() -> None:
    counter, meter = WireCounter(), WireRateMeter()
    assert meter.rates(counter.snapshot(), 0).data_sent_bps == 0
    for second in range(1, 11):
        # 1000 bytes with headers in each of the first five seconds, then nothing.
        if second <= 5:
            counter.sent(b"\x14" * 972, 28)
        rates = meter.rates(counter.snapshot(), second * 1_000_000_000)
        if 1 <= second <= 5:
            assert rates.data_sent_bps == 8000
    assert rates.data_sent_bps == 0
