"""Figures and tables of the scale benchmark, of runs that ended at different numbers of calls."""

from pathlib import Path

import pytest

from benchmarks.figures import Figure
from benchmarks.picture_cost import PictureCost
from benchmarks.scale_report import figures_of, tables_of
from benchmarks.scale_run import GeneratorRun, ScaleRun, full_plan
from tests.scale_steps import step


def _run(*, most: int, ended: str | None = None) -> ScaleRun:
    steps = [step(calls, cores=0.2 * calls) for calls in range(1, most)]
    if ended is None:
        steps.append(step(most, p95=55.0, cores=0.2 * most))
    return ScaleRun(
        generators=[GeneratorRun("warp", step(0, cores=0.0), steps, ended)],
        pictures=[
            PictureCost("warp", 256, 2.0, 1.0, 1.0, 50),
            PictureCost("warp", 512, 6.0, 3.0, 3.0, 50),
        ],
        lacking={"lite/512px": "its networks make pictures of 256 x 256"},
    )


def test_each_figure_has_a_value_a_run_and_says_why_one_is_missing() -> None:
    figures = figures_of([_run(most=3), _run(most=2)])
    assert figures["scale/warp/calls_held"] == Figure((2, 1))
    assert figures["scale/warp/1calls/p95_ms"] == Figure((20.0, 20.0))
    assert figures["scale/warp/3calls/p95_ms"] == Figure(
        (55.0, None), why="runs that lack it missed at fewer calls, where they end"
    )
    assert figures["scale/warp/cores_per_call"].median == pytest.approx(0.2)
    assert figures["scale/warp/memory_per_call_mb"].median == pytest.approx(4.0)
    assert figures["scale/warp/512px/of_smallest"] == Figure((3.0, 3.0), portable=True)
    assert figures["scale/lite/512px/picture_ms"].why == "its networks make pictures of 256 x 256"


def test_tables_tell_what_held_and_what_ended_a_run() -> None:
    runs = [_run(most=3), _run(most=2), _run(most=2, ended="the receiver is gone")]
    calls, pictures = tables_of(runs, plan=full_plan(["warp"], 8), played="a clip")
    assert [row[-1] for row in calls.rows] == [
        "held",
        "missed in 1 of 2 runs: p95 55.0 ms of 40",
        "missed: p95 55.0 ms of 40",
    ]
    assert calls.notes[0] == "held: 1 calls in every run; one more call costs 0.20 cores and 4.0 MB"
    assert calls.notes[-1] == "the receiver is gone"
    assert pictures.rows[1] == ("warp, 512 x 512", "6.00", "3.00", "3.00", "12.00", "3.00")
    assert pictures.notes == ("lite/512px: its networks make pictures of 256 x 256",)


def test_runs_are_drawn_even_where_nothing_was_found(tmp_path: Path) -> None:
    scale_plot = pytest.importorskip("benchmarks.scale_plot")
    scale_plot.draw([_run(most=3), _run(most=1)], tmp_path / "found.png", quick=True)
    scale_plot.draw([ScaleRun()], tmp_path / "nothing.png", quick=False)
    assert (tmp_path / "found.png").stat().st_size > (tmp_path / "nothing.png").stat().st_size > 0
