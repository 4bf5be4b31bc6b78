"""aiortc with our adjustments, for tests that look into it; one of them may be left out.

`KILOCALL_WITHOUT="SCTP packets" pytest tests/test_sctp_adjustments.py` shows what it is for.
"""

import asyncio
import math
import os
from typing import Any

from shared.webrtc.aiortc import adjustments

WITHOUT = "KILOCALL_WITHOUT"


def adjust() -> None:
    """Install all but the one that the environment names, which nobody installs later either."""
    adjustments._installed.update(filter(None, [os.environ.get(WITHOUT)]))
    adjustments.apply()


class Wire:
    """Stands where SCTP and RTP expect their DTLS transport."""

    state = "connected"
    _role = "client"

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def _send_data(self, data: bytes) -> None:
        self.sent.append(data)

    async def _send_rtp(self, data: bytes) -> None:
        self.sent.append(data)


class StillLoop:
    """Keeps timers instead of running them; its clock stands until it is moved."""

    def __init__(self) -> None:
        self.now_seconds = 1000.0
        self.timers: list[tuple[float, asyncio.TimerHandle, Any, tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now_seconds

    def call_soon(self, callback: Any, *arguments: Any) -> asyncio.Handle:
        return asyncio.get_running_loop().call_soon(callback, *arguments)

    def call_later(self, delay: float, callback: Any, *arguments: Any) -> asyncio.TimerHandle:
        handle = asyncio.get_running_loop().call_later(3600, print)
        self.timers.append((delay, handle, callback, arguments))
        return handle

    async def fire(self, *, up_to_seconds: float = math.inf) -> None:
        """Run the timers that were not cancelled, where they are not set for later than that."""
        timers, self.timers = self.timers, []
        for timer in timers:
            delay, handle, callback, arguments = timer
            if delay > up_to_seconds:
                self.timers.append(timer)
            elif not handle.cancelled():
                handle.cancel()
                callback(*arguments)
        await settle()


async def settle() -> None:
    """Let the loop turn until what was just sent is on the wire."""
    for _ in range(4):
        await asyncio.sleep(0)
