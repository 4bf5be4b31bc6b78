"""A handshake's lost flight is sent again after a moment, not after a second and then two.

OpenSSL's timer starts at 1 s and doubles (RFC 6347, section 4.2.4.1), and cannot be set from
Python. So the same datagrams go out again, as a network that duplicates would do: who got the
first drops the second by its record numbers (section 4.1.2.6).
"""

import asyncio
from typing import Any

from aiortc.rtcdtlstransport import RTCDtlsTransport

from shared.webrtc.aiortc.sctp_packets import run_later

REPEAT_SECONDS = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0)
"""Between repetitions of one flight; the peer's next flight ends them. 0.3 s are longer than a
flight of 700 bytes and its answer take at 40 kbit/s."""

_HANDSHAKE_FIRST_BYTES = (20, 22)
"""Records of a ChangeCipherSpec and of the handshake."""


class _Flight:
    """The last datagram of a handshake that went out on one transport."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._send = transport.transport._send
        self._receive = transport.transport._recv
        self._datagram = b""
        self._repeated = 0
        self._timer: asyncio.TimerHandle | None = None

    async def send(self, datagram: bytes) -> None:
        if datagram[0] in _HANDSHAKE_FIRST_BYTES:
            self._datagram = datagram
            self._repeated = 0
            self._arm()
        await self._send(datagram)

    async def receive(self) -> bytes:
        datagram: bytes = await self._receive()
        # Application data or media: the peer has finished, so it got our last flight.
        if datagram[0] not in _HANDSHAKE_FIRST_BYTES:
            self.stop()
        return datagram

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self.stop()
        if self._repeated < len(REPEAT_SECONDS):
            self._timer = asyncio.get_running_loop().call_later(
                REPEAT_SECONDS[self._repeated], run_later, self._repeat
            )

    async def _repeat(self) -> None:
        # The server's flight is the last, so a client that has finished was answered.
        is_answered = self._transport.encrypted and self._transport._role == "client"
        if self._timer is None or is_answered:
            return
        self._repeated += 1
        self._arm()
        await self._send(self._datagram)


def install() -> None:
    """Flights are repeated until they are answered."""
    transport: Any = RTCDtlsTransport
    start = transport.start
    stop = transport.stop

    async def _start(self: Any, remote_parameters: Any) -> None:
        self._kilocall_flight = _Flight(self)
        self.transport._send = self._kilocall_flight.send
        self.transport._recv = self._kilocall_flight.receive
        await start(self, remote_parameters)

    async def _stop(self: Any) -> None:
        if self._kilocall_flight is not None:
            self._kilocall_flight.stop()
        await stop(self)

    transport._kilocall_flight = None
    transport.start = _start
    transport.stop = _stop
