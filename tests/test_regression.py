"""What counts as a regression: outside of the committed spread by more than its margin."""

import pytest

from benchmarks.figures import Figure
from benchmarks.regress import COMMITTED
from benchmarks.regression import MARGINS, compare
from benchmarks.result_file import ResultFile


@pytest.mark.parametrize(
    ("now", "holds"),
    [(20.0, True), (21.0, True), (19.81, True), (19.79, False), (21.22, False), (None, False)],
)
def test_margin_is_beyond_the_spread(now: float | None, holds: bool) -> None:
    (found,) = compare(
        {"quality/a/psnr_db": Figure((now,))}, {"quality/a/psnr_db": Figure((20.0, 21.0, 20.5))}
    )
    assert found.holds is holds


def test_what_is_no_longer_measured_does_not_hold() -> None:
    (found,) = compare({}, {"quality/a/psnr_db": Figure((20.0,))})
    assert not found.holds


def test_other_figures_are_left_alone() -> None:
    assert compare({}, {"tracking/track_ms": Figure((3.0,)), "a/psnr_db": Figure((None,))}) == []


def test_every_margin_is_used_by_the_committed_figures() -> None:
    committed = ResultFile.load(COMMITTED)
    ends = {name.rpartition("/")[2] for name in committed.figures}
    assert ends == set(MARGINS)
    assert all(len(figure.values) >= 2 for figure in committed.figures.values())
