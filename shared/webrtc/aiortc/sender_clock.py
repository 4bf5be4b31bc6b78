"""What time it was when a sender's track captured what is on the wire."""

from typing import Any, Protocol, runtime_checkable

from aiortc import RTCRtpSender

CAPTURE_TIME = "_kilocall_capture_time"
"""Set with each frame that is encoded."""


@runtime_checkable
class CaptureTimed(Protocol):
    """A track that knows when what it sent last was captured."""

    @property
    def last_capture_time(self) -> int | None:
        """90 kHz ticks modulo 2^32 of the packet or frame that `recv` returned last."""


def last_capture_time(track: Any) -> int | None:
    """That of a `CaptureTimed` track; None of any other, and before it is known."""
    # Asked with every packet, and an `isinstance` of a protocol costs as much as sending one.
    capture_time: int | None = getattr(track, "last_capture_time", None)
    return capture_time


def clock_pair(sender: RTCRtpSender) -> tuple[int, int] | None:
    """(RTP timestamp, capture time in ticks) of what `sender` sent last; None before that."""
    internals: Any = sender
    capture_time = getattr(internals, CAPTURE_TIME, None)
    if internals._RTCRtpSender__packet_count == 0 or capture_time is None:
        return None
    return internals._RTCRtpSender__rtp_timestamp, capture_time


def round_trip_seconds(sender: RTCRtpSender) -> float | None:
    """The round trip that RTCP measured; None before the first receiver report."""
    internals: Any = sender
    return internals._RTCRtpSender__rtt
