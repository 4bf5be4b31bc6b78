"""A soak: what lies between two readings, what is judged, and what is told of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import join, soak
from benchmarks.figures import Figure
from benchmarks.line_fit import Slope
from benchmarks.process_usage import ProcessUsage
from benchmarks.result_file import ResultFile
from benchmarks.soak import SoakResult
from benchmarks.soak_report import figures_of, tables_of
from benchmarks.soak_run import SoakRun, SoakSettings
from benchmarks.soak_sample import ProcessSample, SoakReading, sample_between
from benchmarks.soak_scores import Verdict, judge_counts, judge_slopes, score_soak, thirds
from shared.errors import ArtifactError, ConfigError
from shared.metrics import Metrics, Stage
from shared.trace import TraceRecord
from shared.webrtc.wire_counter import WireCount, WireSnapshot
from tests.soak_samples import soak_samples

_SECOND = 1_000_000_000


def _reading(seconds: int, metrics: Metrics, *, pictures: int, sent_bytes: int) -> SoakReading:
    usage = ProcessUsage(seconds * _SECOND, 0.5 * seconds, 2_000_000, 1_000_000, 9, 5)
    count = WireCount(1, sent_bytes)
    wire = WireSnapshot(data_sent=count, audio_sent=count, **{name: WireCount() for name in _REST})
    record = TraceRecord(seconds * _SECOND, metrics.snapshot(), wire)
    return SoakReading(usage, usage, record, record, pictures)


_REST = (
    "data_received",
    "audio_received",
    "video_sent",
    "video_received",
    "connection_sent",
    "connection_received",
)


def test_a_sample_is_what_happened_between_two_readings() -> None:
    metrics = Metrics()
    metrics.count("frames_dropped", "render", 7)
    before = _reading(10, metrics, pictures=3, sent_bytes=1000)
    metrics.count("frames_dropped", "tick", 2)
    for stage in (Stage.CONDITION, Stage.GENERATE, Stage.VIDEO):
        metrics.observe_ms(stage, 3.0)
    after = _reading(14, metrics, pictures=103, sent_bytes=2000)
    sample = sample_between(before, after, origin_ns=4 * _SECOND)
    assert sample.seconds == 10
    assert sample.receiver == ProcessSample(2.0, 1.0, 9, 5, 0.5)
    assert sample.pictures_hz == 25
    # Both traces are of one `Metrics` here.
    assert sample.dropped_hz == 2 * 2 / 4
    assert (sample.wire_kbps, sample.sound_kbps) == (4.0, 2.0)
    assert sample.render_ms == pytest.approx(9.0)


def test_nothing_between_two_readings_is_no_rate() -> None:
    reading = _reading(10, Metrics(), pictures=3, sent_bytes=1000)
    sample = sample_between(reading, reading, origin_ns=0)
    assert (sample.pictures_hz, sample.wire_kbps, sample.receiver.cores) == (0, 0, 0)


def test_a_flat_soak_and_one_that_grows_are_told_apart() -> None:
    flat = score_soak(soak_samples(minutes=30))
    assert flat is not None
    assert (flat.receiver.memory, flat.receiver.counts) == (Verdict.FLAT, Verdict.FLAT)
    assert (flat.sender.memory, flat.sender.files_last) == (Verdict.FLAT, None)
    grows = score_soak(soak_samples(minutes=30, receiver_mb_per_hour=30, late_threads=11))
    assert grows is not None
    assert (grows.receiver.memory, grows.receiver.counts) == (Verdict.GROWS, Verdict.GROWS)
    assert grows.receiver.slope_mb_per_hour is not None
    assert grows.receiver.slope_mb_per_hour.value == pytest.approx(30, abs=2)
    assert grows.sender.memory is Verdict.FLAT


def test_a_thread_that_was_away_for_a_moment_is_no_growth() -> None:
    samples = soak_samples(minutes=30)
    samples[180] = replace(samples[180], receiver=replace(samples[180].receiver, threads=9))
    samples[300] = replace(samples[300], receiver=replace(samples[300].receiver, threads=12))
    scores = score_soak(samples)
    assert scores is not None
    assert scores.receiver.counts is Verdict.FLAT
    assert (scores.receiver.threads_middle, scores.receiver.threads_last) == (10, 10)


def test_a_short_soak_is_not_judged() -> None:
    short = score_soak(soak_samples(minutes=5, receiver_mb_per_hour=300))
    assert short is not None
    assert short.receiver.memory is Verdict.OPEN
    assert score_soak(soak_samples(minutes=30)[:2]) is None


def test_a_slope_around_the_limit_is_not_decided() -> None:
    sure, around, above = Slope(4, 5, 99), Slope(9, 2, 99), Slope(20, 5, 99)
    assert judge_slopes([sure, sure], seconds=900) is Verdict.FLAT
    assert judge_slopes([sure, around], seconds=900) is Verdict.OPEN
    assert judge_slopes([around, above], seconds=900) is Verdict.GROWS
    assert judge_slopes([sure, None], seconds=900) is Verdict.OPEN
    assert judge_slopes([above], seconds=300) is Verdict.OPEN
    assert judge_counts([(3, 3), (None, 4)]) is Verdict.FLAT
    assert judge_counts([(3, 3), (8, 9)]) is Verdict.GROWS
    assert judge_counts([(None, None)]) is Verdict.OPEN


def test_thirds_hold_every_sample_once() -> None:
    samples = soak_samples(minutes=1)[:8]
    parts = thirds(samples)
    assert [len(part) for part in parts] == [2, 4, 2]
    assert [sample for part in parts for sample in part] == samples


def test_figures_say_why_they_are_missing() -> None:
    figures = figures_of([SoakRun(soak_samples(minutes=30)), SoakRun([], "no picture")])
    assert figures["soak/minutes"] == Figure((30.0, None), why="no picture")
    assert figures["soak/call/wire_kbps"] == Figure((36.0, None), portable=True)
    slope = figures["soak/receiver/memory_slope_mb_per_hour"]
    assert slope.values[0] == pytest.approx(0, abs=1)
    short = figures_of([SoakRun(soak_samples(minutes=0.5))])
    assert short["soak/receiver/memory_slope_mb_per_hour"] == Figure(
        (None,), why="3 samples in the second half, at least 6 are needed"
    )
    assert short["soak/minutes"] == Figure((0.5,))


def test_tables_have_a_row_a_process_and_tell_what_ended_a_call() -> None:
    runs = [SoakRun(soak_samples(minutes=30)), SoakRun(soak_samples(minutes=1), "interrupted")]
    processes, call = tables_of(runs, played="portrait", bundle="lite")
    assert [row[0] for row in processes.rows] == [
        "receiver, run 1",
        "sender, run 1",
        "receiver, run 2",
        "sender, run 2",
    ]
    assert processes.rows[0][4:7] == ("flat", "10 -> 10", "15 -> 15")
    assert call.rows[0] == ("1", "30.0", "25.00", "0.500", "36.0", "33.0", "30.0 -> 30.0")
    assert call.notes[-1] == "run 2 ended after 1.0 minutes: interrupted"


def test_soaks_are_drawn_even_where_nothing_was_found(tmp_path: Path) -> None:
    soak_plot = pytest.importorskip("benchmarks.soak_plot")
    soak_plot.draw([SoakRun(soak_samples(minutes=3))], tmp_path / "found.png", quick=True)
    soak_plot.draw([SoakRun()], tmp_path / "nothing.png", quick=False)
    assert (tmp_path / "found.png").stat().st_size > (tmp_path / "nothing.png").stat().st_size > 0


def test_the_file_of_a_soak_is_whole_whenever_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "soak.json"
    settings = SoakSettings(tmp_path / "film.mp4", "warp", 1800.0, 5.0)
    result = SoakResult(settings, "a film", path, quick=False)
    result.runs.append(SoakRun(soak_samples(minutes=1), "interrupted"))
    result.save()
    found = ResultFile.load(path)
    assert found.benchmark == "soak"
    assert found.figures["soak/minutes"] == Figure((1.0,))
    assert list(tmp_path.iterdir()) == [path]
    SoakResult(settings, "a film", None, quick=False).save()


def _saved(path: Path, *runs: SoakRun, bundle: str = "lite") -> Path:
    settings = SoakSettings(path.parent / "film.mp4", bundle, 1800.0, 5.0)
    result = SoakResult(settings, "a film", path, quick=False)
    result.runs.extend(runs)
    result.save()
    return path


def test_soaks_of_two_files_are_runs_of_one(tmp_path: Path) -> None:
    pictureless = [replace(one, render_ms=float("nan")) for one in soak_samples(minutes=1)[:2]]
    first = SoakRun([*pictureless, *soak_samples(minutes=30)[2:]])
    second = SoakRun(soak_samples(minutes=30, receiver_mb_per_hour=30), "interrupted")
    paths = [_saved(tmp_path / "a.json", first), _saved(tmp_path / "b.json", second)]
    join.command(paths, tmp_path / "both.json")
    both = ResultFile.load(tmp_path / "both.json")
    assert both.figures == figures_of([first, second])
    assert both.tables == tuple(tables_of([first, second], played="a film", bundle="lite"))
    assert len(both.machines) == 2
    join.command([tmp_path / "both.json", paths[0]], tmp_path / "three.json")
    assert len(ResultFile.load(tmp_path / "three.json").figures["soak/minutes"].values) == 3
    paths.append(_saved(tmp_path / "c.json", first, bundle="warp"))
    with pytest.raises(ConfigError, match="soaks of bundle lite, warp: one of it is allowed"):
        join.command(paths, tmp_path / "all.json")
    content = json.loads(paths[1].read_text())
    del content["runs"]
    paths[1].write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match=r"b\.json: no result of a soak \(KeyError 'runs'\)"):
        join.command(paths[:2], tmp_path / "all.json")


def test_each_call_of_a_soak_has_traces_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders: list[Path] = []

    class Recorded:
        def __init__(self, settings: object, folder: Path, *rest: object) -> None:
            assert list(folder.iterdir()) == []
            folders.append(folder)

        async def make(self) -> None:
            (folders[-1] / "sender.jsonl").touch()

    monkeypatch.setattr(soak, "Soak", Recorded)
    soak.command(repeat=2, bundle="warp", video=None, json_path=None, plot=None, quick=True)
    assert len(set(folders)) == 2
