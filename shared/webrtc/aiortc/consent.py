"""Consent to send (RFC 7675) that a lossy link does not withdraw."""

import asyncio
import random
from typing import Any

import aioice.ice
import aioice.stun

INTERVAL_SECONDS = 5.0
"""Between checks while they are answered (section 5.1)."""

RETRY_SECONDS = 0.6
"""To the next check while the last is unanswered. The section wants 4 s at least, which allow seven
checks until consent expires: at 50 % of loss each is answered with probability 1/4, and one call
in seven would end within half a minute. Forty fail together once in 10^5 times. Browsers check
every 0.5 s on a path that is in doubt, and any valid answer renews consent."""

EXPIRY_SECONDS = 30.0
"""Without an answer; the section's own."""


class Freshness:
    """When to ask next, and whether consent has expired. Pure; times in seconds."""

    def __init__(self, now_seconds: float) -> None:
        self._answered_seconds = self._checked_seconds = now_seconds

    def checked(self, now_seconds: float) -> None:
        self._checked_seconds = now_seconds

    def answered(self, now_seconds: float) -> None:
        """To whichever check: answers may come late (section 5.1)."""
        self._answered_seconds = now_seconds

    def rest_seconds(self, variation: float) -> float:
        """From `RETRY_SECONDS` after a check until the next one.

        `variation`, in [0.8, 1.2], keeps peers out of step (section 5.1).
        """
        if self._answered_seconds < self._checked_seconds:
            return 0.0
        return INTERVAL_SECONDS * variation - RETRY_SECONDS

    def is_expired(self, now_seconds: float) -> bool:
        return now_seconds - self._answered_seconds >= EXPIRY_SECONDS


def install() -> None:
    """An unanswered check is soon followed by another; consent expires as it should."""
    connection: Any = aioice.ice.Connection

    async def query_consent(self: Any) -> None:
        clock = asyncio.get_running_loop().time
        freshness = Freshness(clock())
        waiting: set[asyncio.Task[None]] = set()

        async def check(pair: Any) -> None:
            request = self.build_request(pair, nominate=False)
            try:
                await _Check.request(pair, request, self.remote_password.encode())
            except aioice.stun.TransactionError:
                return
            freshness.answered(clock())

        try:
            while not freshness.is_expired(clock()):
                await asyncio.sleep(RETRY_SECONDS)
                await asyncio.sleep(freshness.rest_seconds(random.uniform(0.8, 1.2)))
                freshness.checked(clock())
                for pair in self._nominated.values():
                    task = asyncio.create_task(check(pair))
                    waiting.add(task)
                    task.add_done_callback(waiting.discard)
        finally:
            for task in waiting:
                task.cancel()
        self._query_consent_task = None
        await self.close()

    connection.query_consent = query_consent


class _Check(aioice.stun.Transaction):
    """One request, sent once (section 5.1), whose answer may come late."""

    _Transaction__timeout_delay = property(lambda self: EXPIRY_SECONDS, lambda self, seconds: None)

    @classmethod
    async def request(cls, pair: Any, message: Any, key: bytes) -> None:
        """Raises TransactionError when no answer comes."""
        message.add_message_integrity(key)
        transaction = cls(
            message, pair.remote_addr, pair.protocol, retransmissions=0, integrity_key=key
        )
        pair.protocol.transactions[message.transaction_id] = transaction
        try:
            await transaction.run()
        finally:
            del pair.protocol.transactions[message.transaction_id]
