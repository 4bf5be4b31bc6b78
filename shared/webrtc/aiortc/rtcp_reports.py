"""Sender and receiver reports: how often, what they say, under which name.

aiortc reports once a second, from empty tracks too. RFC 3550, section 6.2, has 5 s for its
interval, and at a few kilobits a report is worth a frame: so sound reports that often, after a
quick start.
"""

import asyncio
import math
import random
import secrets
import time
from typing import Any

from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.rtp import (
    RtcpByePacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)

from shared.clock import TICKS_MODULUS, TICKS_PER_SECOND, ticks_difference, ticks_from_ntp
from shared.webrtc.aiortc.sender_clock import CAPTURE_TIME, last_capture_time

QUICK_SECONDS = (0.0, 0.1, 0.2)
"""Before each of the reports after a sender's first packet, and after its clocks moved against
each other: a receiver cannot place sound in time before it holds one, and any may be lost."""

_CLOCKS_MOVED_TICKS = 50 * TICKS_PER_SECOND // 1000
"""So much between capture times and RTP timestamps is another source, no wobble."""

AUDIO_INTERVAL_SECONDS = 5.0
VIDEO_INTERVAL_SECONDS = 1.0
"""As aiortc has it: browsers steer a picture's rate by receiver reports."""

_CNAME_ITEM = 1
_CNAME_RANDOM_BYTES = 12
"""96 bits, the fewest of RFC 7022, section 4.2; 16 characters instead of a UUID's 36."""

_CLOCKS = "_kilocall_clocks"


class _Clocks:
    """How a sender's RTP timestamps stand to its capture times."""

    def __init__(self) -> None:
        self.moved = asyncio.Event()
        """Set until it was reported."""
        self._ahead_ticks: int | None = None

    def encoded(self, timestamp: int, clock_rate: int, capture_time: int | None) -> None:
        """A frame leaves now; `timestamp` before its random origin is added."""
        ticks = timestamp * TICKS_PER_SECOND // clock_rate
        ahead = 0 if capture_time is None else (ticks - capture_time) % TICKS_MODULUS
        if (
            self._ahead_ticks is None
            or abs(ticks_difference(ahead, self._ahead_ticks)) > _CLOCKS_MOVED_TICKS
        ):
            self._ahead_ticks = ahead
            self.moved.set()


def install() -> None:
    """Reports are fewer, and a sender's aim at the moment of capture."""
    sender: Any = RTCRtpSender
    initialize = sender.__init__
    next_encoded_frame = sender._next_encoded_frame

    def _initialize(self: Any, *arguments: Any, **keywords: Any) -> None:
        initialize(self, *arguments, **keywords)
        setattr(self, _CLOCKS, _Clocks())

    async def _next_encoded_frame(self: Any, codec: Any) -> Any:
        frame = await next_encoded_frame(self, codec)
        # Encoding takes a while, so only now do the capture time and what is sent next agree.
        capture_time = last_capture_time(self.track)
        setattr(self, CAPTURE_TIME, capture_time)
        if frame is not None:
            # Who waits for it runs once this frame is on its way.
            getattr(self, _CLOCKS).encoded(frame.timestamp, codec.clockRate, capture_time)
        return frame

    sender.__init__ = _initialize
    sender._next_encoded_frame = _next_encoded_frame
    sender._run_rtcp = _run_sender_reports
    receiver: Any = RTCRtpReceiver
    receiver._run_rtcp = _run_receiver_reports


def install_name() -> None:
    """The shortest lawful CNAME: 20 bytes less a sender report."""
    connection: Any = RTCPeerConnection
    initialize = connection.__init__

    def _initialize(self: Any, *arguments: Any, **keywords: Any) -> None:
        initialize(self, *arguments, **keywords)
        self._RTCPeerConnection__cname = secrets.token_urlsafe(_CNAME_RANDOM_BYTES)

    connection.__init__ = _initialize


def _interval_seconds(kind: str) -> float:
    """With the random variation of RFC 3550, section 6.2."""
    mean = AUDIO_INTERVAL_SECONDS if kind == "audio" else VIDEO_INTERVAL_SECONDS
    return mean * (0.5 + random.random())


async def _run_sender_reports(self: Any) -> None:
    self._RTCRtpSender__rtcp_started.set()
    moved: asyncio.Event = getattr(self, _CLOCKS).moved
    try:
        # Only who has sent media sends sender reports (section 6.4).
        await moved.wait()
        while True:
            if moved.is_set():
                moved.clear()
                for seconds in QUICK_SECONDS:
                    await asyncio.sleep(seconds)
                    await self._send_rtcp(_sender_report(self))
            try:
                await asyncio.wait_for(moved.wait(), _interval_seconds(self.kind))
            except TimeoutError:
                await self._send_rtcp(_sender_report(self))
    except asyncio.CancelledError:
        pass
    await self._send_rtcp([RtcpByePacket(sources=[self._ssrc])])
    self._RTCRtpSender__rtcp_exited.set()


def _sender_report(sender: Any) -> list[Any]:
    ntp_timestamp = sender._RTCRtpSender__ntp_timestamp
    info = RtcpSenderInfo(
        ntp_timestamp=ntp_timestamp,
        rtp_timestamp=_rtp_timestamp_at(sender, ntp_timestamp),
        packet_count=sender._RTCRtpSender__packet_count & 0xFFFFFFFF,
        octet_count=sender._RTCRtpSender__octet_count & 0xFFFFFFFF,
    )
    # What a receiver's report refers to; aiortc measures the round trip by it.
    sender._RTCRtpSender__lsr = (ntp_timestamp >> 16) & 0xFFFFFFFF
    sender._RTCRtpSender__lsr_time = time.time()
    name = RtcpSourceInfo(
        ssrc=sender._ssrc, items=[(_CNAME_ITEM, sender._RTCRtpSender__cname.encode())]
    )
    return [
        RtcpSrPacket(ssrc=sender._ssrc, sender_info=info),
        RtcpSdesPacket(chunks=[name]),
    ]


def _rtp_timestamp_at(sender: Any, ntp_timestamp: int) -> int:
    """What the RTP clock of the capture showed (or will show) at that time.

    aiortc pairs the last RTP timestamp with the time of sending. The NTP half must stay, as
    round trips are measured by it.
    """
    timestamp: int = sender._RTCRtpSender__rtp_timestamp
    capture_time = getattr(sender, CAPTURE_TIME)
    if capture_time is None:
        return timestamp
    clock_rate = 48_000 if sender.kind == "audio" else TICKS_PER_SECOND
    ahead = ticks_difference(ticks_from_ntp(ntp_timestamp), capture_time)
    return (timestamp + ahead * clock_rate // TICKS_PER_SECOND) % 2**32


async def _run_receiver_reports(self: Any) -> None:
    self._RTCRtpReceiver__rtcp_started.set()
    seconds = VIDEO_INTERVAL_SECONDS
    try:
        while True:
            await asyncio.sleep(seconds)
            streams = self._RTCRtpReceiver__remote_streams
            own_ssrc = self._RTCRtpReceiver__rtcp_ssrc
            if own_ssrc is not None and streams:
                reports = [_reception(self, ssrc, stream) for ssrc, stream in streams.items()]
                await self._send_rtcp(RtcpRrPacket(ssrc=own_ssrc, reports=reports))
                seconds = _interval_seconds(self._RTCRtpReceiver__kind)
    except asyncio.CancelledError:
        pass
    self._RTCRtpReceiver__rtcp_exited.set()


def _reception(receiver: Any, ssrc: int, statistics: Any) -> RtcpReceiverInfo:
    """A report block (section 6.4.1)."""
    delay = time.time() - receiver._RTCRtpReceiver__lsr_time.get(ssrc, -math.inf)
    is_fresh = 0 < delay < 65536
    return RtcpReceiverInfo(
        ssrc=ssrc,
        fraction_lost=min(statistics.fraction_lost, 255),
        packets_lost=statistics.packets_lost,
        highest_sequence=statistics.max_seq,
        jitter=statistics.jitter,
        lsr=receiver._RTCRtpReceiver__lsr.get(ssrc, 0),
        dlsr=int(delay * 65536) if is_fresh else 0,
    )
