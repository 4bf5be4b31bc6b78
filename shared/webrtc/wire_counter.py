"""What really crosses the network: datagrams counted at the UDP socket, by kind and direction."""

import threading
from dataclasses import dataclass, fields
from enum import Enum
from typing import Self

IPV4_UDP_HEADER_BYTES = 28
"""20 of IPv4 without options and 8 of UDP."""

IPV6_UDP_HEADER_BYTES = 48
"""40 of IPv6 without extensions and 8 of UDP."""

_RTP_FIRST_BYTES = range(128, 192)
_DTLS_FIRST_BYTES = range(20, 64)
_RTCP_PACKET_TYPES = range(192, 224)
"""The second byte of RTCP when RTP shares its port (RFC 5761, section 4)."""

_MAX_VIDEO_SSRCS = 64


class WireKind(Enum):
    """What a datagram carries, told by its first byte (RFC 7983)."""

    DATA = "data"
    """DTLS, 20-63: the channels (and, at the start, the handshake)."""

    AUDIO = "audio"
    """RTP and RTCP, 128-191, that are not video."""

    VIDEO = "video"
    """RTP and RTCP of video."""

    CONNECTION = "connection"
    """STUN, TURN and anything else."""


@dataclass(frozen=True, slots=True)
class WireCount:
    """Datagrams of one kind and direction."""

    packets: int = 0
    bytes: int = 0
    """IP and UDP headers included."""

    def __sub__(self, earlier: Self) -> Self:
        return type(self)(self.packets - earlier.packets, self.bytes - earlier.bytes)


@dataclass(frozen=True, slots=True)
class WireSnapshot:
    """Everything a connection sent and received until one moment."""

    data_sent: WireCount
    data_received: WireCount
    audio_sent: WireCount
    audio_received: WireCount
    video_sent: WireCount
    video_received: WireCount
    connection_sent: WireCount
    connection_received: WireCount

    @property
    def sent_bytes(self) -> int:
        """Of all kinds."""
        kinds = (self.data_sent, self.audio_sent, self.video_sent, self.connection_sent)
        return sum(kind.bytes for kind in kinds)

    @property
    def received_bytes(self) -> int:
        """Of all kinds."""
        kinds = (
            self.data_received,
            self.audio_received,
            self.video_received,
            self.connection_received,
        )
        return sum(kind.bytes for kind in kinds)

    def __sub__(self, earlier: Self) -> Self:
        """What came between two snapshots of one counter."""
        return type(self)(*(getattr(self, f.name) - getattr(earlier, f.name) for f in fields(self)))


@dataclass(slots=True)
class _Tally:
    """A `WireCount` that grows."""

    packets: int = 0
    bytes: int = 0


class WireCounter:
    """Counts the datagrams of one connection. Written by the event loop, read by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent = {kind: _Tally() for kind in WireKind}
        self._received = {kind: _Tally() for kind in WireKind}
        self._video_payload_types: frozenset[int] = frozenset()
        self._video_ssrcs: set[int] = set()

    def set_video(self, payload_types: frozenset[int], ssrcs: frozenset[int]) -> None:
        """Tell video from audio: the negotiated payload types and the SSRCs of our own senders."""
        self._video_payload_types = payload_types
        self._video_ssrcs = set(ssrcs)

    def kind_of(self, datagram: bytes) -> WireKind:
        """By first byte; RTP then by payload type, RTCP by the SSRC of its sender."""
        if not datagram:
            return WireKind.CONNECTION
        first = datagram[0]
        if first in _DTLS_FIRST_BYTES:
            return WireKind.DATA
        if first not in _RTP_FIRST_BYTES or len(datagram) < 8:
            return WireKind.CONNECTION
        if datagram[1] in _RTCP_PACKET_TYPES:
            # SRTCP leaves the first eight bytes in the clear (RFC 3711, section 3.4).
            is_video = int.from_bytes(datagram[4:8], "big") in self._video_ssrcs
        else:
            is_video = datagram[1] & 0x7F in self._video_payload_types
            if is_video and len(self._video_ssrcs) < _MAX_VIDEO_SSRCS:
                self._video_ssrcs.add(int.from_bytes(datagram[8:12], "big"))
        return WireKind.VIDEO if is_video else WireKind.AUDIO

    def sent(self, datagram: bytes, header_bytes: int) -> None:
        self._add(self._sent, datagram, header_bytes)

    def received(self, datagram: bytes, header_bytes: int) -> None:
        self._add(self._received, datagram, header_bytes)

    def _add(self, tallies: dict[WireKind, _Tally], datagram: bytes, header_bytes: int) -> None:
        with self._lock:
            tally = tallies[self.kind_of(datagram)]
            tally.packets += 1
            tally.bytes += len(datagram) + header_bytes

    @property
    def received_bytes(self) -> int:
        """Of all kinds, as a snapshot has it."""
        with self._lock:
            return sum(tally.bytes for tally in self._received.values())

    def snapshot(self) -> WireSnapshot:
        with self._lock:
            counts = [
                WireCount(tallies[kind].packets, tallies[kind].bytes)
                for kind in (
                    WireKind.DATA,
                    WireKind.AUDIO,
                    WireKind.VIDEO,
                    WireKind.CONNECTION,
                )
                for tallies in (self._sent, self._received)
            ]
        return WireSnapshot(*counts)
