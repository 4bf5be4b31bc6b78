"""Every datagram of a connection, seen at its UDP sockets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aioice.ice
from aiortc import RTCPeerConnection

from shared.webrtc.wire_counter import (
    IPV4_UDP_HEADER_BYTES,
    IPV6_UDP_HEADER_BYTES,
    WireCounter,
)

_OBSERVER = "_kilocall_observer"


@dataclass(frozen=True, slots=True)
class _Observer:
    counter: WireCounter
    on_received: Callable[[], None] | None


def install() -> None:
    """Datagrams pass an observer, where a connection has one."""
    protocol: Any = aioice.ice.StunProtocol
    datagram_received = protocol.datagram_received
    send_data = protocol.send_data
    send_stun = protocol.send_stun

    def _datagram_received(self: Any, data: bytes, addr: tuple[Any, ...]) -> None:
        observer: _Observer | None = getattr(self.receiver, _OBSERVER, None)
        if observer is not None and data:
            observer.counter.received(data, _header_bytes(addr))
            if observer.on_received is not None:
                observer.on_received()
        datagram_received(self, data, addr)

    async def _send_data(self: Any, data: bytes, addr: tuple[str, int]) -> None:
        _note_sent(self, data, addr)
        await send_data(self, data, addr)

    def _send_stun(self: Any, message: Any, addr: tuple[str, int]) -> None:
        _note_sent(self, bytes(message), addr)
        send_stun(self, message, addr)

    protocol.datagram_received = _datagram_received
    protocol.send_data = _send_data
    protocol.send_stun = _send_stun


def _note_sent(protocol: Any, data: bytes, addr: tuple[str, int]) -> None:
    observer: _Observer | None = getattr(protocol.receiver, _OBSERVER, None)
    if observer is not None:
        observer.counter.sent(data, _header_bytes(addr))


def _header_bytes(addr: tuple[Any, ...]) -> int:
    return IPV6_UDP_HEADER_BYTES if ":" in addr[0] else IPV4_UDP_HEADER_BYTES


def count_datagrams(
    connection: RTCPeerConnection,
    counter: WireCounter,
    on_received: Callable[[], None] | None = None,
) -> None:
    """Count every datagram of `connection` at its UDP sockets; `on_received` shows life.

    To be called when the media and channels exist, so before the first description is set.
    What TURN adds around a datagram is not counted.
    """
    internals: Any = connection
    for transport in internals._RTCPeerConnection__iceTransports:
        setattr(transport._connection, _OBSERVER, _Observer(counter, on_received))


def label_video(connection: RTCPeerConnection, counter: WireCounter) -> None:
    """Tell `counter` which payload types and SSRCs are video; once both descriptions are set."""
    payload_types: set[int] = set()
    ssrcs: set[int] = set()
    for transceiver in connection.getTransceivers():
        if transceiver.kind == "video":
            internals: Any = transceiver
            payload_types.update(codec.payloadType for codec in internals._codecs)
            ssrcs.add(internals.sender._ssrc)
    counter.set_video(frozenset(payload_types), frozenset(ssrcs))
