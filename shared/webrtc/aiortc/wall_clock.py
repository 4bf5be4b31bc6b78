"""The wall clock in integers.

aiortc makes two `datetime`s and two `timedelta`s for each time, and asks for it twice with every
packet that it sends and once with every one that comes.
"""

import time

import aiortc.clock

from shared.clock import NTP_UNIX_OFFSET_SECONDS


def current_ntp_time() -> int:
    """64-bit NTP time of a whole microsecond, as aiortc has it."""
    seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    return seconds + NTP_UNIX_OFFSET_SECONDS << 32 | (microseconds << 32) // 1_000_000


def current_ms() -> int:
    """Milliseconds since 1900."""
    return time.time_ns() // 1_000_000 + NTP_UNIX_OFFSET_SECONDS * 1000


def install() -> None:
    """aiortc reads the time so."""
    aiortc.clock.current_ntp_time = current_ntp_time
    aiortc.clock.current_ms = current_ms
