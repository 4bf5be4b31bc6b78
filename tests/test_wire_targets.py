"""Targets of the wire are met, missed or not measured, each by the row that it names."""

from dataclasses import fields, replace

import pytest

from benchmarks.wire_plan import Cell, Sweep, full_plan, link
from benchmarks.wire_run import CellResult, OpeningResult
from benchmarks.wire_scores import Percentiles, WireScores
from benchmarks.wire_targets import Target, targets
from sender.parameter_transport import TransportChoice

_CHANNEL, _IN_BAND = TransportChoice.DATA_CHANNEL, TransportChoice.IN_BAND
_FAST, _SLOW = Percentiles(10.0, 20.0, 30.0), Percentiles(10.0, 1000.0, 1000.0)


def _scores(value: float, milliseconds: Percentiles) -> WireScores:
    values = {field.name: value for field in fields(WireScores)}
    whole = WireScores(**{**values, "calls": 1})  # type: ignore[arg-type]
    return replace(whole, arrival_ms=milliseconds, shown_ms=milliseconds)


_GOOD = replace(_scores(0.0, _FAST), payload_bps=2_000.0, messages_per_second=25.0, delivered=1.0)
_BAD = replace(_scores(1e6, _SLOW), messages_per_second=25.0, delivered=0.5)


def _all(scores: WireScores) -> list[CellResult]:
    return [CellResult(cell, scores, None) for cell in full_plan().cells]


def _opening(median_s: float | None, p95_s: float | None) -> list[OpeningResult]:
    other = OpeningResult(0.5, 20, 900.0, 900.0, 0.2, 0, None)
    return [other, OpeningResult(0.2, 20, median_s, p95_s, 0.2, 0, None)]


def _missed(found: tuple[Target, ...]) -> set[tuple[str, str]]:
    return {(target.row, target.measure) for target in found if target.met is False}


def test_every_target_has_its_row_in_the_full_plan_and_can_be_met_and_missed() -> None:
    good = targets(_all(_GOOD), _opening(1.9, 3.6))
    bad = targets(_all(_BAD), _opening(None, None))
    assert {target.verdict for target in good} == {"met"}
    assert {target.verdict for target in bad} == {"missed"}
    assert len(good) == len(bad) == len({(target.row, target.measure) for target in good})


def test_what_was_not_measured_is_not_met() -> None:
    assert {target.verdict for target in targets([], [])} == {"not measured"}
    nothing = [CellResult(cell, None, "the receiver ended") for cell in full_plan().cells]
    untried = [OpeningResult(0.2, 0, None, None, None, 0, "not made")]
    assert {target.verdict for target in targets(nothing, untried)} == {"not measured"}
    # A number that is none is no success.
    assert Target("row", "measure", 1.0, float("nan")).verdict == "missed"


def test_limits_are_those_of_the_design() -> None:
    limits = {(t.row, t.measure): t.most for t in targets([], [])}
    for frames, expected in (
        ("1 frame a message", (15, 3.0, 22, 6, 90, 0.25)),
        ("2 frames a message", (24, 2.4, 12, 5, 130, 0.25)),
        ("3 frames a message", (32, 2.2, 9, 4, 170, 0.25)),
        ("30 % loss, 1 frame a message", (1, 40, 40)),
        ("opening at 20 % loss", (3, 10)),
    ):
        assert tuple(most for (row, _), most in limits.items() if row == frames) == expected
    assert limits["24 kbit/s with voice, data channel", "all that is sent, kbit/s"] == 24
    assert limits["18 kbit/s with voice, in-band", "all that is sent, kbit/s"] == 18
    assert limits["8 kbit/s without voice", "all that is sent, kbit/s"] == 8


@pytest.mark.parametrize(
    ("cell", "scores", "missed"),
    [
        (
            Cell(Sweep.LOSS, _CHANNEL, 2, link()),
            replace(_GOOD, forward_bps=12_100.0),
            {("2 frames a message", "forward, kbit/s")},
        ),
        (
            Cell(Sweep.LOSS, _CHANNEL, 1, link()),
            replace(_GOOD, shown_ms=Percentiles(20.0, 53.5, 60.0)),
            {("1 frame a message", "capture to picture, p95, ms")},
        ),
        (
            Cell(Sweep.LOSS, _CHANNEL, 1, link()),
            replace(_GOOD, payload_bps=2_990.0, messages_per_second=24.0),
            {("1 frame a message", "message, mean, B")},
        ),
        (
            Cell(Sweep.LOSS, _CHANNEL, 1, link(loss=0.3)),
            replace(_GOOD, frozen=0.0101),
            {("30 % loss, 1 frame a message", "frozen, %")},
        ),
        # No other loss, and no other number of frames, is looked at.
        (Cell(Sweep.LOSS, _CHANNEL, 1, link(loss=0.5)), _BAD, set()),
        (Cell(Sweep.LOSS, _CHANNEL, 2, link(loss=0.3)), _BAD, set()),
        (
            Cell(Sweep.VOICE_RATE, _IN_BAND, None, link(rate_bps=18e3), voice=True),
            replace(_GOOD, forward_bps=4_000.0, audio_forward_bps=14_100.0),
            {("18 kbit/s with voice, in-band", "all that is sent, kbit/s")},
        ),
        (
            Cell(Sweep.VOICE_RATE, _CHANNEL, None, link(rate_bps=24e3), voice=True),
            replace(_GOOD, lost=0.04, delivered=0.94),
            {
                ("24 kbit/s with voice, data channel", "packets lost, %"),
                ("24 kbit/s with voice, data channel", "frames lost, %"),
            },
        ),
        (
            Cell(Sweep.RATE, _CHANNEL, None, link(rate_bps=8e3)),
            replace(_GOOD, shown_ms=_SLOW),
            set(),  # nobody talks
        ),
    ],
)
def test_a_row_is_judged_by_its_own_numbers(
    cell: Cell, scores: WireScores, missed: set[tuple[str, str]]
) -> None:
    assert _missed(targets([CellResult(cell, scores, None)], [])) == missed


def test_openings_that_never_came_are_missed() -> None:
    found = targets([], _opening(2.9, None))
    assert _missed(found) == {("opening at 20 % loss", "p95, s")}
    assert _missed(targets([], _opening(3.1, 9.9))) == {("opening at 20 % loss", "median, s")}
