"""RTP and RTCP as they come, before aiortc's jitter buffer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiortc import RTCRtpReceiver
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtcpSrPacket, RtpPacket

from shared.clock import ticks_from_ntp

_MAX_STREAMS = 4
"""One sender has one SSRC at a time; an endless row of them is no sender."""


@dataclass(frozen=True, slots=True)
class RtpArrival:
    """An RTP packet as it came, before any jitter buffer."""

    payload: bytes
    payload_type: int
    codec: str
    """Lower-case name of the negotiated codec, "opus" for instance."""

    sequence_number: int
    timestamp: int
    ssrc: int
    arrival_ns: int
    """Monotonic."""

    marker: bool = False
    """The last packet of a picture, or the first after a pause in speech."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """The clock pair of an RTCP sender report (RFC 3550, section 6.4.1)."""

    ssrc: int
    capture_time: int
    """The NTP time of the report in 90 kHz ticks modulo 2^32."""

    timestamp: int
    """The RTP timestamp of the same moment."""


def tap_rtp(receiver: RTCRtpReceiver, on_packet: Callable[[RtpArrival], None]) -> None:
    """Hand each RTP packet of `receiver` to `on_packet` instead of buffering and decoding it.

    Loss and jitter still go into the receiver reports. To be called before packets come.
    """
    internals: Any = receiver

    async def _handle_rtp_packet(packet: RtpPacket, arrival_time_ms: int) -> None:
        codec = count_packet(internals, packet)
        if codec is None:
            return
        on_packet(
            RtpArrival(
                payload=packet.payload,
                payload_type=packet.payload_type,
                codec=codec.name.lower(),
                sequence_number=packet.sequence_number,
                timestamp=packet.timestamp,
                ssrc=packet.ssrc,
                arrival_ns=time.monotonic_ns(),
                marker=bool(packet.marker),
            )
        )

    internals._handle_rtp_packet = _handle_rtp_packet


def count_packet(internals: Any, packet: RtpPacket) -> Any:
    """Note a packet for the reports of an aiortc receiver; its codec, None if not agreed on."""
    streams: dict[int, StreamStatistics] = internals._RTCRtpReceiver__remote_streams
    codec = internals._RTCRtpReceiver__codecs.get(packet.payload_type)
    if codec is not None:
        if packet.ssrc not in streams:
            while len(streams) >= _MAX_STREAMS:
                del streams[next(iter(streams))]
            streams[packet.ssrc] = StreamStatistics(codec.clockRate)
        streams[packet.ssrc].add(packet)
    return codec


def tap_sender_reports(receiver: RTCRtpReceiver, on_report: Callable[[SenderReport], None]) -> None:
    """Tell `on_report` the clock pair of each RTCP sender report that `receiver` gets."""
    internals: Any = receiver
    handle_rtcp_packet = internals._handle_rtcp_packet

    async def _handle_rtcp_packet(packet: Any) -> None:
        if isinstance(packet, RtcpSrPacket) and packet.sender_info.ntp_timestamp != 0:
            on_report(
                SenderReport(
                    ssrc=packet.ssrc,
                    capture_time=ticks_from_ntp(packet.sender_info.ntp_timestamp),
                    timestamp=packet.sender_info.rtp_timestamp,
                )
            )
        await handle_rtcp_packet(packet)

    internals._handle_rtcp_packet = _handle_rtcp_packet
