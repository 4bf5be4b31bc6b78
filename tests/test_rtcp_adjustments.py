"""Reports are rare, short, and aim at the moment of capture."""

import asyncio
from typing import Any

import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.codecs import CODECS
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtcpPacket, RtcpRrPacket, RtcpSdesPacket, RtcpSrPacket, RtpPacket

from shared.clock import ticks_from_ntp
from shared.webrtc.aiortc import rtcp_reports
from shared.webrtc.aiortc.rtcp_reports import _sender_report
from shared.webrtc.aiortc.sender_clock import clock_pair
from shared.webrtc.aiortc.video import limit_video_bitrate
from shared.webrtc.audio import OpusPacket, OpusPacketTrack
from tests.adjusted import Wire, adjust, settle

adjust()

SENT_NTP = 3_900_000_000 << 32


async def _sender(wire: Wire, *, capture_time: int) -> Any:
    """A sender of sound that has encoded one packet and sent it at `SENT_NTP`."""
    track = OpusPacketTrack()
    sender: Any = RTCRtpSender(track, wire)  # type: ignore[arg-type]
    sender._RTCRtpSender__cname = "name"
    track.put(OpusPacket(b"x", 960, capture_time))
    await sender._next_encoded_frame(CODECS["audio"][0])
    sender._RTCRtpSender__ntp_timestamp = SENT_NTP
    sender._RTCRtpSender__rtp_timestamp = 2**32 - 1
    sender._RTCRtpSender__packet_count = 1
    return sender


async def test_reports_pair_the_time_of_sending_with_the_rtp_clock_of_capture() -> None:
    captured = (ticks_from_ntp(SENT_NTP) - 9000) % 2**32  # 100 ms before it was sent
    sender = await _sender(Wire(), capture_time=captured)
    report, name = _sender_report(sender)
    assert report.sender_info.ntp_timestamp == SENT_NTP
    assert abs(report.sender_info.rtp_timestamp - (4800 - 1)) <= 2
    assert isinstance(name, RtcpSdesPacket)
    timestamp, capture_time = clock_pair(sender) or (0, 0)
    assert timestamp == 2**32 - 1
    assert abs(capture_time - captured) <= 1


class _Pauses:
    """Stands where reports wait; ends them after some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, end_after: int) -> None:
        self.seconds: list[float] = []
        self._end_after = end_after
        monkeypatch.setattr(asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) > self._end_after:
            raise asyncio.CancelledError


async def test_a_sender_of_sound_reports_quickly_once_and_then_rarely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wire = Wire()
    sender = await _sender(wire, capture_time=0)
    pauses = _Pauses(monkeypatch, end_after=60)
    await sender._run_rtcp()
    reports = [data for data in wire.sent if isinstance(RtcpPacket.parse(data)[0], RtcpSrPacket)]
    assert len(reports) == 60
    assert sum(pauses.seconds[:3]) < 0.5
    later = pauses.seconds[3:]
    assert min(later) >= 2.5
    assert max(later) <= 7.5
    assert 4 < sum(later) / len(later) < 6


async def test_who_sent_nothing_reports_nothing() -> None:
    wire = Wire()
    sender: Any = RTCRtpSender("video", wire)  # type: ignore[arg-type]
    task = asyncio.create_task(sender._run_rtcp())
    await settle()
    assert not wire.sent
    task.cancel()
    await task


@pytest.mark.parametrize(("kind", "mean_seconds"), [("audio", 5.0), ("video", 1.0)])
async def test_a_receiver_reports_once_soon_and_then_by_the_kind_of_media(
    kind: str, mean_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = Wire()
    receiver: Any = RTCRtpReceiver(kind, wire)  # type: ignore[arg-type]
    receiver._set_rtcp_ssrc(7)
    statistics = StreamStatistics(48_000)
    statistics.add(RtpPacket(sequence_number=3))
    receiver._RTCRtpReceiver__remote_streams[5] = statistics
    pauses = _Pauses(monkeypatch, end_after=60)
    await receiver._run_rtcp()
    (report,) = RtcpPacket.parse(wire.sent[0])
    assert isinstance(report, RtcpRrPacket)
    assert report.ssrc == 7
    assert [(block.ssrc, block.highest_sequence) for block in report.reports] == [(5, 3)]
    assert pauses.seconds[0] <= 1.5
    mean = sum(pauses.seconds[1:]) / 60
    assert 0.8 * mean_seconds < mean < 1.2 * mean_seconds


async def test_names_are_short_and_unlike() -> None:
    names = set()
    for _ in range(3):
        connection: Any = RTCPeerConnection()
        names.add(connection._RTCPeerConnection__cname)
        await connection.close()
    assert len(names) == 3
    assert {len(name) for name in names} == {16}  # 96 bits (RFC 7022, section 4.2)


def test_video_is_capped() -> None:
    before = Vp8Encoder().target_bitrate
    try:
        limit_video_bitrate(200_000)
        encoder = Vp8Encoder()
        assert encoder.target_bitrate == 200_000
        encoder.target_bitrate = 5_000_000
        assert encoder.target_bitrate == 200_000
    finally:
        limit_video_bitrate(before)


def test_intervals_are_those_of_the_rfc() -> None:
    assert rtcp_reports.AUDIO_INTERVAL_SECONDS == 5.0  # RFC 3550, section 6.2
