"""Loss as the receiver's reports tell it, whatever becomes of the reports."""

import random

import pytest

from sender.loss_meter import LossMeter
from shared.receiver_report import HELD_BITS, ReceiverReport

START = 65_000


def play(meter: LossMeter, arrivals: list[bool], *, every: int = 4, report_loss: float = 0) -> None:
    """Reports after every so many messages, some of them lost."""
    rng = random.Random(3)
    held = [START + index for index, arrived in enumerate(arrivals) if arrived]
    for end in range(every, len(arrivals) + 1, every):
        known = [sequence for sequence in held if sequence < START + end]
        if known and rng.random() >= report_loss:
            newest = known[-1]
            bits = sum(1 << newest - 1 - s for s in known[:-1] if newest - 1 - s < HELD_BITS)
            meter.report(ReceiverReport(newest % 65_536, bits, delay_ms=0, transit_ms=0))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("report_loss", [0.0, 0.3])
def test_independent_loss_is_measured(share: float, report_loss: float) -> None:
    rng = random.Random(1)
    measured = []
    meter = LossMeter()
    arrivals = [rng.random() >= share for _ in range(4000)]
    for count in range(400, 4000, 50):
        meter = LossMeter()
        play(meter, arrivals[count - 400 : count], report_loss=report_loss)
        measured.append(meter.loss)
    # At 50 % some rows are long enough to be taken for outages.
    assert sum(measured) / len(measured) == pytest.approx(share, abs=0.05)


def test_an_outage_is_no_loss() -> None:
    meter = LossMeter()
    play(meter, [True] * 40 + [False] * 25 + [True] * 8)
    assert meter.loss == 0.0


def test_reports_late_repeated_or_of_another_stream_change_nothing() -> None:
    meter = LossMeter()
    meter.report(ReceiverReport(100, 0b1111, delay_ms=0, transit_ms=0))
    for newest in (100, 98, 40_000, 40_001):
        meter.report(ReceiverReport(newest, 0b1111, delay_ms=0, transit_ms=0))
    assert meter.loss == 0.0
    meter.report(ReceiverReport(40_003, 0, delay_ms=0, transit_ms=0))
    assert 0.01 < meter.loss < 0.03
