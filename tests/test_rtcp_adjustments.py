"""Reports are rare, short, and aim at the moment of capture."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import aiortc.clock
import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.codecs import CODECS
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtcpPacket, RtcpRrPacket, RtcpSdesPacket, RtcpSrPacket, RtpPacket
from av import Packet

from shared.clock import ticks_from_ntp
from shared.webrtc.aiortc import rtcp_reports
from shared.webrtc.aiortc.rtcp_reports import _sender_report
from shared.webrtc.aiortc.sender_clock import clock_pair
from shared.webrtc.aiortc.video import limit_video_bitrate
from shared.webrtc.audio import OpusPacket, OpusPacketTrack
from tests.adjusted import Wire, adjust, settle
from tests.virtual_time import run_virtually

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


class _TimedWire(Wire):
    """Notes when each RTCP packet left."""

    def __init__(self) -> None:
        super().__init__()
        self.reports_seconds: list[float] = []

    async def _send_rtp(self, data: bytes) -> None:
        await super()._send_rtp(data)
        if isinstance(RtcpPacket.parse(data)[0], RtcpSrPacket | RtcpRrPacket):
            self.reports_seconds.append(asyncio.get_running_loop().time())


async def _run(seconds: float, reports: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(reports)
    await asyncio.sleep(seconds)
    task.cancel()
    await task


def _gaps(moments: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(moments)]


def test_a_sender_of_sound_reports_quickly_once_and_then_rarely() -> None:
    async def reported() -> list[float]:
        wire = _TimedWire()
        sender = await _sender(wire, capture_time=0)
        await _run(600, sender._run_rtcp())
        return wire.reports_seconds

    moments = run_virtually(reported())
    assert moments[0] == 0
    assert moments[2] < 0.5
    later = _gaps(moments[2:])
    assert min(later) >= 2.5
    assert max(later) <= 7.5
    assert 4 < sum(later) / len(later) < 6


class _TwoSources(MediaStreamTrack):
    """One timeline; from its 51st packet on from a clock two seconds ahead, some ms of wobble."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self.last_capture_time: int | None = None

    async def recv(self) -> Packet:
        await asyncio.sleep(0.02)
        packet = Packet(b"x")
        packet.pts, packet.time_base = self._count * 960, Fraction(1, 48_000)
        self.last_capture_time = self._count * 1800 + 900 * (self._count % 2)
        self._count += 1
        if self._count > 50:
            self.last_capture_time += 180_000
        return packet


def test_another_source_is_reported_at_once() -> None:
    async def reported() -> list[float]:
        wire = _TimedWire()
        sender: Any = RTCRtpSender(_TwoSources(), wire)  # type: ignore[arg-type]
        sender._RTCRtpSender__cname = "name"
        task = asyncio.create_task(_run(3, sender._run_rtcp()))
        for _ in range(100):
            await sender._next_encoded_frame(CODECS["audio"][0])
        await task
        return wire.reports_seconds

    moments = [round(moment, 2) for moment in run_virtually(reported())]
    assert moments[:6] == [0.02, 0.12, 0.32, 1.02, 1.12, 1.32]


async def test_who_sent_nothing_reports_nothing() -> None:
    wire = Wire()
    sender: Any = RTCRtpSender("video", wire)  # type: ignore[arg-type]
    task = asyncio.create_task(sender._run_rtcp())
    await settle()
    assert not wire.sent
    task.cancel()
    await task


@pytest.mark.parametrize(("kind", "mean_seconds"), [("audio", 5.0), ("video", 1.0)])
def test_a_receiver_reports_once_soon_and_then_by_the_kind_of_media(
    kind: str, mean_seconds: float
) -> None:
    async def reported() -> _TimedWire:
        wire = _TimedWire()
        receiver: Any = RTCRtpReceiver(kind, wire)  # type: ignore[arg-type]
        receiver._set_rtcp_ssrc(7)
        statistics = StreamStatistics(48_000)
        statistics.add(RtpPacket(sequence_number=3))
        receiver._RTCRtpReceiver__remote_streams[5] = statistics
        await _run(600, receiver._run_rtcp())
        return wire

    wire = run_virtually(reported())
    (report,) = RtcpPacket.parse(wire.sent[0])
    assert isinstance(report, RtcpRrPacket)
    assert report.ssrc == 7
    assert [(block.ssrc, block.highest_sequence) for block in report.reports] == [(5, 3)]
    assert wire.reports_seconds[0] <= 1.5
    gaps = _gaps(wire.reports_seconds)
    assert 0.8 * mean_seconds < sum(gaps) / len(gaps) < 1.2 * mean_seconds


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


def test_the_wall_clock_is_read_in_whole_microseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    for unix_ns in (
        1_700_000_000_000_000_000,
        1_999_999_999_999_999_999,
        1_700_000_000_123_456_789,
    ):
        monkeypatch.setattr(time, "time_ns", lambda unix_ns=unix_ns: unix_ns)
        moment = datetime.fromtimestamp(unix_ns // 10**9, UTC)
        moment = moment.replace(microsecond=unix_ns // 1000 % 10**6)
        assert aiortc.clock.current_ntp_time() == aiortc.clock.datetime_to_ntp(moment)
        since_1900 = moment - aiortc.clock.NTP_EPOCH
        assert aiortc.clock.current_ms() == since_1900 // timedelta(milliseconds=1)
