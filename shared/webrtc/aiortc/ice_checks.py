"""Connectivity checks that find their way through loss in a second, not in ten."""

from typing import Any

import aioice.ice
import aioice.stun

INTERVAL_SECONDS = 0.25
"""Between the copies of an unanswered check. aioice waits 0.5, then 1, 2, 4 ... s (RFC 8489,
section 6.2.1); browsers send every 0.05 to 0.5 s."""

MAX_COPIES = 120
"""Half a minute, as before."""


def install() -> None:
    """Checks are repeated at one interval."""
    protocol: Any = aioice.ice.StunProtocol
    request = protocol.request

    async def _request(
        self: Any,
        message: Any,
        addr: tuple[str, int],
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> Any:
        # Checks have a key of their peer's and no number of retransmissions of their own.
        if integrity_key is None or retransmissions is not None:
            return await request(self, message, addr, integrity_key, retransmissions)
        message.add_message_integrity(integrity_key)
        transaction = _SteadyTransaction(
            message, addr, self, retransmissions=MAX_COPIES - 1, integrity_key=integrity_key
        )
        self.transactions[message.transaction_id] = transaction
        try:
            return await transaction.run()
        finally:
            del self.transactions[message.transaction_id]

    protocol.request = _request


class _SteadyTransaction(aioice.stun.Transaction):
    """A STUN transaction without exponential back-off."""

    _Transaction__timeout_delay = property(
        lambda self: INTERVAL_SECONDS, lambda self, seconds: None
    )
