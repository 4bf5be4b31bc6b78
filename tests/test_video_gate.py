"""Video passes only while it is wanted, from a picture that stands alone, within its bounds."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiortc import RTCRtpReceiver
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtcpByePacket, RtpPacket
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.webrtc.aiortc.video_gate import VideoGate, key_picture_size

PAYLOAD_TYPE = 97
SSRC = 5


def key_picture(width: int = 320, height: int = 240) -> bytes:
    head = b"\x10\x02\x00\x9d\x01\x2a"
    return head + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"rest"


OTHER_PICTURE = b"\x11\x02\x00rest of it"


class Stream:
    """A gate, and packets that come to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drops: list[str] = []
        self.now_s = 100.0
        monkeypatch.setattr("shared.webrtc.aiortc.video_gate.time.monotonic", lambda: self.now_s)
        transport: Any = SimpleNamespace(state="connected")
        receiver: Any = RTCRtpReceiver("video", transport)
        receiver._RTCRtpReceiver__codecs[PAYLOAD_TYPE] = RTCRtpCodecParameters(
            mimeType="video/VP8", clockRate=90_000, payloadType=PAYLOAD_TYPE
        )
        receiver._RTCRtpReceiver__decoder_thread = object()
        self.key_requests = 0
        receiver._send_rtcp_pli = self._count_request
        self.receiver = receiver
        self.gate = VideoGate(receiver, max_side=2048, on_drop=self.drops.append)
        self._number = 65_500

    async def _count_request(self, ssrc: int) -> None:
        assert ssrc == SSRC
        self.key_requests += 1

    def lose(self, packets: int = 1) -> None:
        self._number += packets

    async def send(self, *pictures: bytes, descriptor: bytes = b"\x10") -> None:
        """A packet each; a picture is complete with the first packet of the next."""
        for picture in pictures:
            self.now_s += 0.04
            packet = RtpPacket(
                payload_type=PAYLOAD_TYPE,
                sequence_number=self._number % 2**16,
                timestamp=3600 * self._number % 2**32,
                ssrc=SSRC,
                payload=descriptor + picture,
            )
            self._number += 1
            await self.receiver._handle_rtp_packet(packet, 0)

    def decoded(self) -> list[bytes]:
        """What the decoder would have got since the last look."""
        queue = self.receiver._RTCRtpReceiver__decoder_queue
        return [queue.get()[1].data for _ in range(queue.qsize())]


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    return Stream(monkeypatch)


async def test_a_closed_gate_drops_all_and_asks_for_nothing(stream: Stream) -> None:
    await stream.send(key_picture(), OTHER_PICTURE, OTHER_PICTURE)
    assert stream.decoded() == []
    assert stream.drops == ["video"] * 3
    assert stream.key_requests == 0


async def test_an_open_gate_asks_for_a_key_picture_and_begins_with_it(stream: Stream) -> None:
    await stream.send(OTHER_PICTURE)
    stream.gate.open()
    await stream.send(OTHER_PICTURE, OTHER_PICTURE)
    assert stream.key_requests == 1
    assert stream.decoded() == []
    await stream.send(*[OTHER_PICTURE] * 30)
    assert 2 <= stream.key_requests <= 4
    await stream.send(key_picture(), OTHER_PICTURE, OTHER_PICTURE)
    assert stream.decoded() == [key_picture(), OTHER_PICTURE]
    stream.gate.close()
    await stream.send(key_picture(), OTHER_PICTURE)
    assert stream.decoded() == []
    stream.gate.open()
    before = stream.key_requests
    await stream.send(OTHER_PICTURE, OTHER_PICTURE)
    assert stream.key_requests == before + 1
    assert stream.decoded() == []


async def test_pictures_that_are_too_large_are_not_decoded(stream: Stream) -> None:
    stream.gate.open()
    await stream.send(key_picture(16_383, 16_383), OTHER_PICTURE, OTHER_PICTURE)
    assert stream.decoded() == []
    assert stream.drops == ["camera_size"]
    await stream.send(key_picture(2048, 16), OTHER_PICTURE)
    assert stream.decoded() == [key_picture(2048, 16)]


async def test_a_decoder_that_does_not_follow_gets_no_more(stream: Stream) -> None:
    stream.gate.open()
    await stream.send(key_picture(), *[OTHER_PICTURE] * 100)
    assert len(stream.decoded()) == 15
    assert stream.drops == ["camera_backlog"]
    assert stream.key_requests >= 3
    await stream.send(key_picture(), OTHER_PICTURE)
    assert stream.decoded() == [key_picture()]


async def test_a_packet_lost_for_good_costs_a_second_and_a_key_picture(stream: Stream) -> None:
    stream.gate.open()
    await stream.send(key_picture(), OTHER_PICTURE)
    stream.decoded()
    before = stream.key_requests
    stream.lose()
    await stream.send(*[OTHER_PICTURE] * 30)
    assert stream.drops == ["camera_stalled"]
    assert stream.key_requests == before + 1
    await stream.send(key_picture(), OTHER_PICTURE)
    assert stream.decoded() == [key_picture()]


async def test_a_track_that_says_goodbye_may_come_again(stream: Stream) -> None:
    await stream.receiver._handle_rtcp_packet(RtcpByePacket(sources=[SSRC]))
    stream.gate.open()
    await stream.send(key_picture(), OTHER_PICTURE)
    assert stream.decoded() == [key_picture()]


async def test_sources_without_end_are_forgotten(stream: Stream) -> None:
    stream.receiver._send_rtcp_pli = lambda ssrc: _nothing()
    stream.gate.open()
    for ssrc in range(100):
        await stream.receiver._handle_rtp_packet(
            RtpPacket(payload_type=PAYLOAD_TYPE, sequence_number=ssrc, ssrc=ssrc), 0
        )
    assert len(stream.receiver._RTCRtpReceiver__active_ssrc) <= 4
    assert len(stream.receiver._RTCRtpReceiver__remote_streams) <= 4


async def _nothing() -> None:
    pass


async def test_without_a_track_nothing_comes(stream: Stream) -> None:
    with pytest.raises(MediaStreamError):
        await stream.gate.recv()


@given(data=st.binary(max_size=40))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_have_a_size_or_none(data: bytes) -> None:
    size = key_picture_size(data)
    assert size is None or max(size) < 2**14
