"""Silence and floods, by hand-fed clocks."""

from receiver.liveness import Life, Liveness
from receiver.message_rate import MessageRate

SECOND = 1_000_000_000


def test_three_seconds_interrupt_and_thirty_end() -> None:
    liveness = Liveness(0)
    assert liveness.life(3 * SECOND - 1) is Life.ALIVE
    assert liveness.life(3 * SECOND) is Life.INTERRUPTED
    assert liveness.life(30 * SECOND - 1) is Life.INTERRUPTED
    assert liveness.life(30 * SECOND) is Life.GONE


def test_any_datagram_brings_it_back() -> None:
    liveness = Liveness(0)
    liveness.on_datagram(20 * SECOND)
    assert liveness.life(22 * SECOND) is Life.ALIVE


def test_a_burst_of_one_second_passes_and_no_more() -> None:
    rate = MessageRate(10)
    assert sum(rate.allows(0) for _ in range(15)) == 10
    assert sum(rate.allows(SECOND // 2) for _ in range(15)) == 5
    # A long pause earns no more than one second's messages.
    assert sum(rate.allows(100 * SECOND) for _ in range(15)) == 10
