"""The latency benchmark makes its calls, and finds the film's steps in the player's pictures."""

from pathlib import Path

import pytest

from benchmarks.latency_plan import Cell, LatencyPlan, SenderKind
from benchmarks.latency_run import LatencyRun
from benchmarks.latency_scores import PARTS, LatencyScores
from shared.shipped_generators import WARP
from tests.integration.browser import chromium_path

MOST_MS = 150
"""How far a step may be from what the bar code claims, on any machine; a label of the wrong frame
would put it a round off."""


async def _scores(sender: SenderKind, folder: Path) -> LatencyScores:
    cell = Cell(sender, WARP, is_loaded=False)
    run = LatencyRun(LatencyPlan((cell,), warm_up_seconds=1, seconds=8), folder)
    scores = await run.measure(cell)
    assert 2 * len(scores.measured_ms) > len(scores.steps) > 0
    assert all(abs(difference) < MOST_MS for difference in scores.differences_ms)
    assert scores.player is not None
    assert set(scores.parts_ms) <= set(PARTS)
    return scores


@pytest.mark.slow
async def test_a_process_is_measured_by_its_steps(tmp_path: Path) -> None:
    scores = await _scores(SenderKind.PROCESS, tmp_path)
    assert scores.sound_early_ms is not None
    assert scores.in_band_wait_ms is not None
    assert {"capture", "track", "generate", "latency"} <= set(scores.stages)


@pytest.mark.slow
async def test_a_browser_is_measured_by_its_steps(tmp_path: Path) -> None:
    chromium_path()
    scores = await _scores(SenderKind.BROWSER, tmp_path)
    assert {"stamp", "page", "track", "generate", "latency"} <= set(scores.stages)
