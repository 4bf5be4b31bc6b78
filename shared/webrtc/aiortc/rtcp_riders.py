"""Data of ours in RTCP, beside the sound: no channel, and nothing acknowledges it.

11 bytes ride in a receiver report (`rtcp_reports`) for 24; on a data channel they take a packet
of 96, and 85 of acknowledgement the other way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiortc import RTCRtpReceiver, RTCRtpSender
from aiortc.rtp import RtcpRrPacket

from shared.webrtc.rtcp_app import find_app, pack_app

_NEXT_RIDER = "_kilocall_next_rider"


@dataclass(frozen=True, slots=True)
class ReportAndRider:
    """A compound RTCP packet (RFC 3550, section 6.1)."""

    report: RtcpRrPacket
    rider: bytes

    def __bytes__(self) -> bytes:
        return bytes(self.report) + pack_app(self.report.ssrc, self.rider)


def ride_receiver_reports(receiver: RTCRtpReceiver, take_rider: Callable[[], bytes | None]) -> None:
    """Let what `take_rider` returns ride in the receiver reports of `receiver`.

    It is asked once a second while media comes; None: nothing to tell.
    """
    setattr(receiver, _NEXT_RIDER, take_rider)


def next_rider(receiver: RTCRtpReceiver) -> bytes | None:
    """What is to ride in the report that may leave now."""
    take_rider: Callable[[], bytes | None] | None = getattr(receiver, _NEXT_RIDER, None)
    return None if take_rider is None else take_rider()


def tap_riders(sender: RTCRtpSender, on_rider: Callable[[bytes], None]) -> None:
    """Hand what rides in the RTCP packets of `sender`'s connection to `on_rider`."""
    transport: Any = sender.transport
    handle_rtcp_data = transport._handle_rtcp_data

    async def _handle_rtcp_data(data: bytes) -> None:
        rider = find_app(data)
        if rider is not None:
            on_rider(rider)
        await handle_rtcp_data(data)

    transport._handle_rtcp_data = _handle_rtcp_data
