"""Channels that open under loss."""

from typing import Any

import aiortc.rtcsctptransport
from aiortc.rtcsctptransport import InitChunk, RTCSctpTransport, serialize_packet

INITIAL_RTO_SECONDS = 0.5
"""Instead of 3: under 10 % of loss channels then open in seconds, not in half a minute."""

MAX_INIT_RETRANSMISSIONS = 55
"""Half a minute of INITs, as before, at the shorter time-out."""


def install() -> None:
    """INITs always carry tag 0 and are repeated soon."""
    aiortc.rtcsctptransport.SCTP_RTO_INITIAL = INITIAL_RTO_SECONDS
    aiortc.rtcsctptransport.SCTP_MAX_INIT_RETRANS = MAX_INIT_RETRANSMISSIONS
    transport: Any = RTCSctpTransport
    send_chunk = transport._send_chunk

    async def _send_chunk(self: Any, chunk: Any) -> None:
        # RFC 9260, section 8.5.1. aiortc puts the peer's tag into an INIT that it repeats after
        # having seen the peer's own; the peer drops it, for ever.
        if isinstance(chunk, InitChunk):
            packet = serialize_packet(self._local_port, self._remote_port, 0, chunk)
            await self.transport._send_data(packet)
        else:
            await send_chunk(self, chunk)

    transport._send_chunk = _send_chunk
