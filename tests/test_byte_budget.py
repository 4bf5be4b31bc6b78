"""No window of a minute holds more bytes than allowed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sender.byte_budget import ByteBudget


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(1, 5000)), max_size=60))
def test_spending_only_what_is_available_never_exceeds_the_window(
    wishes: list[tuple[int, int]],
) -> None:
    budget = ByteBudget(window_bytes=15_000, window_ns=60_000_000_000)
    now_ms, spent = 0, list[tuple[int, int]]()
    for pause_ms, count in wishes:
        now_ms += pause_ms
        if budget.available(now_ms * 1_000_000) >= count:
            budget.spend(count, now_ms * 1_000_000)
            spent.append((now_ms, count))
    for start, _ in spent:
        assert sum(count for at, count in spent if start <= at < start + 60_000) <= 15_000


def test_bytes_come_back_after_a_minute() -> None:
    budget = ByteBudget(window_bytes=100, window_ns=1000)
    budget.spend(80, 0)
    assert budget.available(999) == 20
    assert budget.available(1000) == 100
