"""The emulated link loses, delays and narrows as it says, and the same way each time."""

import pytest

from benchmarks.link_model import LinkConditions, LinkDirection
from shared.errors import ConfigError

_MS = 1_000_000


def _arrivals(conditions: LinkConditions, *, seed: int = 1, count: int = 1000) -> list[int | None]:
    """Arrival times of 100-byte datagrams sent every 10 ms."""
    direction = LinkDirection(seed=seed)
    direction.impair(conditions)
    return [direction.admit(100, i * 10 * _MS) for i in range(count)]


def test_a_clean_link_passes_everything_at_once() -> None:
    assert _arrivals(LinkConditions()) == [i * 10 * _MS for i in range(1000)]


def test_losses_have_the_stated_share_and_repeat_with_the_seed() -> None:
    first = _arrivals(LinkConditions(loss=0.3))
    assert 250 <= first.count(None) <= 350
    assert first == _arrivals(LinkConditions(loss=0.3))
    assert first != _arrivals(LinkConditions(loss=0.3), seed=2)


def test_delay_does_not_change_which_datagrams_are_lost() -> None:
    clean = _arrivals(LinkConditions(loss=0.3))
    delayed = _arrivals(LinkConditions(loss=0.3, delay_ms=50))
    assert [a is None for a in clean] == [a is None for a in delayed]
    assert all(b - a == 50 * _MS for a, b in zip(clean, delayed, strict=True) if a and b)


def test_jitter_stays_within_its_bounds() -> None:
    arrivals = _arrivals(LinkConditions(delay_ms=50, jitter_ms=10))
    delays = [a - i * 10 * _MS for i, a in enumerate(arrivals) if a is not None]
    assert 40 * _MS <= min(delays) < 42 * _MS
    assert 58 * _MS < max(delays) <= 60 * _MS


def test_a_narrow_link_queues_and_then_drops() -> None:
    # 100 bytes every 10 ms are 80 kbit/s: twice what fits.
    arrivals = _arrivals(LinkConditions(rate_bps=40_000, queue_ms=200))
    assert arrivals[0] == 20 * _MS
    assert arrivals[1] == 40 * _MS
    waits = [a - i * 10 * _MS for i, a in enumerate(arrivals) if a is not None]
    assert max(waits) <= 220 * _MS
    assert 0.45 <= arrivals.count(None) / len(arrivals) <= 0.5


def test_it_counts_what_it_carried() -> None:
    direction = LinkDirection(seed=1)
    direction.impair(LinkConditions(loss=0.5))
    lost = sum(direction.admit(60, i) is None for i in range(100))
    assert direction.count.packets == 100
    assert direction.count.data_bytes == 6000
    assert direction.count.lost == lost


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"loss": 1.0}, "loss 1.0, allowed is 0 up to, not including, 1"),
        ({"delay_ms": -1.0}, "delay -1.0 ms, allowed is 0 to 10000"),
        ({"jitter_ms": 5.0}, "jitter 5.0 ms, allowed is 0 to the delay"),
    ],
)
def test_impossible_conditions_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LinkConditions(**arguments)
