"""Time: monotonic ns inside a process, 90 kHz ticks of the sender's NTP clock on the wire."""

import time
from typing import Protocol

TICKS_PER_SECOND = 90_000
"""The RTP video clock (RFC 3551, section 5); also the unit of every capture time on the wire."""

TICKS_MODULUS = 2**32

NTP_UNIX_OFFSET_SECONDS = 2_208_988_800
"""Seconds from 1900 (NTP, RFC 5905 section 6) to 1970 (Unix)."""


class Clock(Protocol):
    """What pure code asks for the time; tests hand in one that they move by hand."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds; only differences mean anything."""

    def now_ticks(self) -> int:
        """The NTP wall clock in 90 kHz ticks modulo 2^32."""


class SystemClock:
    """The machine's clocks.

    The wall clock is read once and then advanced by the monotonic one, so that a step of the
    wall clock (NTP, suspend) never makes capture times jump inside a call.
    """

    def __init__(self) -> None:
        self._monotonic_start_ns = time.monotonic_ns()
        self._ntp_start_ns = time.time_ns() + NTP_UNIX_OFFSET_SECONDS * 1_000_000_000

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def now_ticks(self) -> int:
        return self.ticks_at(time.monotonic_ns())

    def ticks_at(self, monotonic_ns: int) -> int:
        """The capture time, in ticks, of a moment given in monotonic nanoseconds."""
        elapsed_ns = monotonic_ns - self._monotonic_start_ns
        return ticks_from_ns(self._ntp_start_ns + elapsed_ns)


def ticks_from_ns(nanoseconds: int) -> int:
    """90 kHz ticks modulo 2^32 of a time in nanoseconds; exact in integers, rounds down."""
    return nanoseconds * 9 // 100_000 % TICKS_MODULUS


def ticks_from_ntp(ntp_64bit: int) -> int:
    """90 kHz ticks modulo 2^32 of a 64-bit NTP timestamp, as an RTCP sender report carries it."""
    return ntp_64bit * TICKS_PER_SECOND >> 32 & TICKS_MODULUS - 1


def ticks_difference(later: int, earlier: int) -> int:
    """later - earlier in [-2^31, 2^31), right across the wrap (RFC 1982 arithmetic)."""
    return (later - earlier + 2**31) % TICKS_MODULUS - 2**31


def ns_from_ticks(ticks: int) -> int:
    """Nanoseconds of a (signed) difference in ticks, rounded towards minus infinity."""
    return ticks * 100_000 // 9
