"""The latency benchmark: its film, its arithmetic, its tables. No call is made."""

from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.figures import Figure
from benchmarks.latency_plan import Cell, LatencyPlan, SenderKind, full_plan, quick_plan
from benchmarks.latency_scores import HOP, PARTS, STAMP, WAITING, LatencyScores, in_order
from benchmarks.latency_tables import CellRuns, mean_parts, overview_table, stage_tables
from benchmarks.stage_times import StageTime, stage_time, traced_stage
from benchmarks.step_film import ROUND_FRAMES, Movement, StepFilm, level
from benchmarks.step_latency import StepLatency
from benchmarks.watched_page import parse_seen
from shared import bar_code
from shared.errors import ArtifactError
from shared.metrics import DurationSummary, MetricsSnapshot, Stage
from shared.trace import TraceRecord

_CELL = Cell(SenderKind.PROCESS, "warp", is_loaded=False)
_PLAN = LatencyPlan((_CELL,), warm_up_seconds=3, seconds=8)


@pytest.fixture(scope="module")
def film() -> StepFilm:
    return StepFilm()


def test_a_round_ends_where_it_begins() -> None:
    for movement in Movement:
        assert level(movement, 0) == level(movement, ROUND_FRAMES) == 0
        levels = [level(movement, frame) for frame in range(ROUND_FRAMES)]
        assert max(levels) == pytest.approx(1)
        assert min(levels) == pytest.approx(0)


def test_the_film_of_a_process_has_its_frames_and_sounds(film: StepFilm, tmp_path: Path) -> None:
    path = film.write_video(tmp_path / "steps.mp4", seconds=6, has_sound=True)
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(pictures) == 150
    for index in (0, 20, 90, 140):
        error = np.abs(pictures[index].astype(int) - film.images[index % ROUND_FRAMES]).mean()
        other = np.abs(pictures[index].astype(int) - film.images[(index + 60) % ROUND_FRAMES])
        assert error < min(4.0, other.mean())
    with av.open(str(path)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / 48_000 == pytest.approx(6, abs=0.2)
    silent = film.write_video(tmp_path / "silent.mp4", seconds=1, has_sound=False)
    with av.open(str(silent)) as container:
        assert not container.streams.audio


def test_the_camera_of_a_browser_shows_each_frames_number(film: StepFilm, tmp_path: Path) -> None:
    with av.open(str(film.write_camera(tmp_path / "steps.y4m"))) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    numbers = [bar_code.read(np.asarray(picture, np.uint8)) for picture in pictures]
    assert numbers == list(range(ROUND_FRAMES))


def _record(time_ns: int, count: int, sum_ms: float) -> TraceRecord:
    summary = DurationSummary(count=count, sum_ms=sum_ms, p50_ms=1.0, p95_ms=2.0, p99_ms=3.0)
    return TraceRecord(time_ns, MetricsSnapshot({"track": summary}, {}, {}), None)


def test_a_mean_is_of_what_came_after_the_warm_up() -> None:
    records = [_record(0, 2, 100.0), _record(10, 4, 120.0), _record(20, 8, 140.0)]
    assert traced_stage(records, "track", from_ns=15) == StageTime(5.0, 1.0, 2.0, 3.0)
    assert traced_stage(records, "track", from_ns=-1) == StageTime(17.5, 1.0, 2.0, 3.0)
    assert traced_stage(records, "track", from_ns=30) is None
    assert traced_stage(records, "fit", from_ns=0) is None
    assert traced_stage([], "track", from_ns=0) is None


def test_percentiles_of_what_was_noted() -> None:
    assert stage_time([]) is None
    found = stage_time([float(value) for value in range(101)])
    assert found == StageTime(50.0, 50.0, 95.0, 99.0)


def _flat(ms: float) -> StageTime:
    return StageTime(ms, ms, ms, ms)


def _scores(*, offset_ms: float = 0.0) -> LatencyScores:
    stages = {"latency": _flat(60), STAMP: _flat(2), "track": _flat(5), "generate": _flat(20)}
    return LatencyScores(
        stages=in_order({**stages, Stage.FIT.value: None}),
        claimed_ms=(65.0 + offset_ms, 75.0 + offset_ms),
        steps=(
            StepLatency(Movement.MOUTH, True, 0.0, 90.0, 70.0),
            StepLatency(Movement.TURN, True, 1.0, 84.0, 70.0),
            StepLatency(Movement.TURN, False, 2.0, None, None),
        ),
        pictures_per_second=24.5,
        frozen_share=0.015,
        sound_early_ms=None,
        in_band_wait_ms=9.5,
    )


def test_parts_add_up_to_the_way_from_the_camera() -> None:
    scores = _scores()
    assert list(scores.stages) == [STAMP, "track", "generate", "latency"]
    assert scores.parts_ms == {STAMP: 2, "track": 5, WAITING: 35, "generate": 20, HOP: 10}
    assert list(scores.parts_ms) == [part for part in PARTS if part in scores.parts_ms]
    assert scores.player is not None
    assert sum(scores.parts_ms.values()) == pytest.approx(scores.player.mean_ms + 2)


def test_figures_are_named_by_sender_generator_and_load() -> None:
    found = _scores().figures(_CELL)
    assert found["latency/process/warp/idle/p50_ms"] == 70
    assert found["latency/process/warp/idle/track_p95_ms"] == 5
    assert found["latency/process/warp/idle/steps_less_claim_mean_ms"] == 17
    assert found["latency/process/warp/idle/steps_seen_share"] == pytest.approx(2 / 3)
    assert found["latency/process/warp/idle/sound_early_ms"] is None


def test_runs_become_one_row_with_their_medians() -> None:
    runs = CellRuns(_CELL, [_scores(), _scores(offset_ms=20)])
    table = overview_table([runs], _PLAN)
    assert table.rows == (
        ("process, in the sound", "warp", "idle", "80 / 84 / 85", "4 of 6", "87",
         "+17 (+14 to +20)", "24.5", "1.5 %", "-"),
    )  # fmt: skip
    assert runs.figures()["latency/process/warp/idle/p50_ms"] == Figure((70.0, 90.0))
    assert mean_parts(runs)[HOP] == 20
    (stages,) = stage_tables([runs])
    assert ("track", "5.0 / 5.0 / 5.0") in stages.rows


def test_a_call_that_came_to_nothing_is_a_row_that_says_why() -> None:
    cell = Cell(SenderKind.BROWSER, "lite", is_loaded=True)
    runs = CellRuns(cell, [None, None], ["no Chromium found", "no Chromium found"])
    table = overview_table([runs], _PLAN)
    assert table.rows[0][3:] == ("-",) * 7
    assert table.notes[0] == "browser, 2 a message, lite, loaded: no Chromium found"
    figure = runs.figures()["latency/browser/lite/loaded/p50_ms"]
    assert figure == Figure((None, None), why="no Chromium found")
    assert mean_parts(runs) == {}


def test_plans_hold_each_kind_of_call_once() -> None:
    cells = full_plan().cells
    assert len({cell.name for cell in cells}) == len(cells) == 12
    assert set(quick_plan().cells) <= set(cells)


def test_a_page_with_capture_times_is_believed() -> None:
    seen = {"frames": [[5_001.0, 1_000.0, 3], [5_041.0, 41_000.0, 4], [5_081.0, 81_000.0, 2**31]],
            "outputs": [[5_001.5, 3.0, 1.0, 0.5, 6.0]]}  # fmt: skip
    page = parse_seen(seen, wall_at_zero_ns=4_998_000_000)
    assert page.has_capture_times
    assert [(f.captured_ns, f.arrived_ns, f.number) for f in page.frames] == [
        (1_000_000, 3_000_000, 3),
        (41_000_000, 43_000_000, 4),
    ]
    assert page.outputs[0].stamped_ns == 3_500_000
    elsewhere = parse_seen(seen, wall_at_zero_ns=0)
    assert not elsewhere.has_capture_times
    assert elsewhere.frames[0].captured_ns == elsewhere.frames[0].arrived_ns == 5_001_000_000


def test_a_page_that_saw_no_film_is_one_clear_error() -> None:
    with pytest.raises(ArtifactError, match="the page saw no frame of the film of steps"):
        parse_seen({"frames": [[1.0, 2.0, 999]], "outputs": []}, wall_at_zero_ns=0)
