"""Round trip and transit of what a report names."""

import pytest

from sender.message_times import MessageTimes
from shared.receiver_report import ReceiverReport

MS = 1_000_000


def test_round_trip_and_transit() -> None:
    times = MessageTimes()
    times.sent(65_535, age_ms=12.0, now_ns=1000 * MS)
    transit = times.transit(ReceiverReport(65_535, 0, delay_ms=30, transit_ms=65_530), 1100 * MS)
    assert transit is not None
    assert (transit.sent_ns, transit.round_trip_ms) == (1000 * MS, 70)
    times.sent(0, age_ms=2.0, now_ns=1080 * MS)
    later = times.transit(ReceiverReport(0, 0, delay_ms=0, transit_ms=4), 1200 * MS)
    assert later is not None
    assert later.transit_ms - transit.transit_ms == pytest.approx(10 + 10)  # across the wrap
    assert times.transit(ReceiverReport(7, 0, delay_ms=0, transit_ms=4), 1200 * MS) is None


def test_old_messages_are_forgotten() -> None:
    times = MessageTimes()
    for sequence in range(1000):
        times.sent(sequence, age_ms=1.0, now_ns=sequence * MS)
    assert times.transit(ReceiverReport(700, 0, 0, 0), 2000 * MS) is None
    assert times.transit(ReceiverReport(999, 0, 0, 0), 2000 * MS) is not None
