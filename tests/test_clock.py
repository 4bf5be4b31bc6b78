from hypothesis import given
from hypothesis import strategies as st

from shared.clock import (
    NTP_UNIX_OFFSET_SECONDS,
    SystemClock,
    ns_from_ticks,
    ticks_difference,
    ticks_from_ns,
    ticks_from_ntp,
)
from shared.sequence import extend_sequence, sequence_add, sequence_difference


def test_ticks_of_one_second() -> None:
    assert ticks_from_ns(1_000_000_000) == 90_000
    assert ticks_from_ntp(1 << 32) == 90_000
    assert ns_from_ticks(90_000) == 1_000_000_000


def test_ntp_and_unix_agree() -> None:
    unix_ns = 1_700_000_000_500_000_000
    ntp_seconds = 1_700_000_000 + NTP_UNIX_OFFSET_SECONDS
    ticks = ticks_from_ns(unix_ns + NTP_UNIX_OFFSET_SECONDS * 1_000_000_000)
    assert ticks == ticks_from_ntp((ntp_seconds << 32) + (1 << 31))


@given(st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1))
def test_difference_survives_the_wrap(start: int, difference: int) -> None:
    assert ticks_difference((start + difference) % 2**32, start) == difference


@given(st.integers(0, 2**16 - 1), st.integers(-(2**15), 2**15 - 1))
def test_sequence_numbers_wrap(start: int, difference: int) -> None:
    assert sequence_difference(sequence_add(start, difference), start) == difference


@given(st.integers(-(10**9), 10**9), st.integers(-100, 100))
def test_extended_sequence_is_the_nearest(nearest: int, offset: int) -> None:
    assert extend_sequence((nearest + offset) % 256, nearest, bits=8) == nearest + offset


def test_the_system_clock_agrees_with_itself() -> None:
    clock = SystemClock()
    now_ns = clock.now_ns()
    assert 0 <= ticks_difference(clock.now_ticks(), clock.ticks_at(now_ns)) < 90_000
