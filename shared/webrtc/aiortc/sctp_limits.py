"""What a peer may make an association hold, and that it cannot end it with nonsense."""

import logging
from typing import Any

from aiortc import RTCPeerConnection
from aiortc.rtcsctptransport import RTCSctpTransport

logger = logging.getLogger(__name__)

MAX_REASSEMBLY_BYTES = 512 * 1024
"""Unfinished messages of one peer; aiortc announces a window but never enforces it."""

_WINDOW_BYTES = 1024 * 1024
"""What aiortc announces while nothing waits."""


def install() -> None:
    """Unfinished messages are bounded; a packet against the rules is dropped."""
    transport: Any = RTCSctpTransport
    receive_data_chunk = transport._receive_data_chunk
    handle_data = transport._handle_data
    set_state = transport._set_state

    async def _receive_data_chunk(self: Any, chunk: Any) -> None:
        if self._kilocall_overrun:
            return
        await receive_data_chunk(self, chunk)
        held = _WINDOW_BYTES - self._advertised_rwnd
        if held > MAX_REASSEMBLY_BYTES:
            logger.warning(
                "SCTP association aborted: %d bytes of unfinished messages, at most %d are held",
                held,
                MAX_REASSEMBLY_BYTES,
            )
            self._kilocall_overrun = True
            await self._abort()
            self._set_state(self.State.CLOSED)

    async def _handle_data(self: Any, data: bytes) -> None:
        try:
            await handle_data(self, data)
        except ConnectionError:
            raise
        except Exception:
            # aiortc asserts what a peer should have sent, and would end the connection.
            logger.warning("SCTP packet of %d bytes dropped", len(data), exc_info=True)

    def _set_state(self: Any, state: Any) -> None:
        if state == self.State.CLOSED:
            self._inbound_streams.clear()
        set_state(self, state)

    transport._kilocall_overrun = False
    transport._receive_data_chunk = _receive_data_chunk
    transport._handle_data = _handle_data
    transport._set_state = _set_state


def is_overrun(connection: RTCPeerConnection) -> bool:
    """Whether the peer sent messages without end, so that its channels were closed."""
    internals: Any = connection.sctp
    return bool(getattr(internals, "_kilocall_overrun", False))
