"""What is quoted of each benchmark's report: by name, with the spread of several runs."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks import join
from benchmarks.__main__ import app
from benchmarks.browser_figures import browser_figures, browser_tables
from benchmarks.call_figures import call_figures, call_tables
from benchmarks.codec_figures import codec_figures, codec_tables
from benchmarks.figures import Figure, gather, shown
from benchmarks.quality_figures import quality_figures, quality_tables
from benchmarks.readme import RESULTS
from benchmarks.result_file import ResultFile, write_result
from benchmarks.result_table import ResultTable
from benchmarks.tracking_figures import tracking_figures, tracking_tables
from benchmarks.wire_figures import wire_figures, wire_tables
from shared.errors import ArtifactError, ConfigError
from tests.portrait_clip import write_portrait_clip


def _committed(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return content


@pytest.mark.parametrize(
    ("figures_of", "tables_of", "name"),
    [
        (quality_figures, quality_tables, "quality"),
        (tracking_figures, tracking_tables, "tracking"),
        (codec_figures, codec_tables, "codec"),
        (wire_figures, wire_tables, "wire"),
        (browser_figures, browser_tables, "browser"),
    ],
)
def test_every_cell_of_a_committed_result_has_its_figure(
    figures_of: Any, tables_of: Any, name: str
) -> None:
    figures = gather([figures_of(_committed(name))])
    assert all(key.startswith(f"{name}/") for key in figures)
    tables = tables_of(figures)
    assert tables
    for table in tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}
    known = sum(cell == "-" for table in tables for row in table.rows for cell in row)
    assert known <= 2, "figures and tables disagree on names"


def test_calls_are_columns_and_a_failed_one_says_why() -> None:
    report = {
        "fps_out": 25.0,
        "call_bps": 16_300.0,
        "transport": {"inband_bps": 3400.0},
        "wire_bps_forward": 47.0,
        "wire_bps_reverse": 480.0,
        "audio_wire_bps": 15_000.0,
        "payload_bps": 2700.0,
        "latency_ms": {"p50": 45.0, "p95": 63.0},
        "av_offset_ms": -3.0,
        "agreement": None,
        "references_sent": 4,
        "reference_bytes": 13_433,
        "rss_mb": 284.0,
    }
    run = call_figures("call", report) | call_figures("portrait", None)
    figures = gather([run], why={"calls/portrait/fps": "the sender ended"})
    (table,) = call_tables(figures)
    assert table.columns == ("", "a video call", "portrait, no sound")
    assert ("pictures a second", "25.0", "-") in table.rows
    assert ("sound before its picture, ms", "-3", "-") in table.rows
    assert table.notes == ("portrait, no sound: the sender ended",)


def test_spread_is_shown_where_it_can_be_seen() -> None:
    figures = {
        "a/ms": Figure((3.0, 5.0)),
        "b/ms": Figure((3.0, 3.04)),
        "c/ms": Figure((None,)),
    }
    assert shown(figures, "a/ms", 1) == "4.0 ±1.0"
    assert shown(figures, "b/ms", 1) == "3.0"
    assert shown(figures, "a/ms", 2, per=10, signed=True) == "+0.40 ±0.10"
    assert [shown(figures, name) for name in ("c/ms", "d/ms")] == ["-", "-"]


def test_runs_are_joined(tmp_path: Path) -> None:
    paths = [tmp_path / "1.json", tmp_path / "2.json"]
    for path, value in zip(paths, (3.0, 3.5), strict=True):
        figures = {"tracking/track_ms": Figure((value,))}
        write_result(
            path, benchmark="tracking", quick=False, seconds=2.0, figures=figures, tables=[]
        )
    out = tmp_path / "both.json"
    join.command(paths, out)
    both = ResultFile.load(out)
    assert both.figures["tracking/track_ms"].values == (3.0, 3.5)
    assert both.seconds == 4.0
    assert any("3.2 ±0.2" in cell for row in both.tables[0].rows for cell in row)


def test_other_benchmarks_are_not_joined(tmp_path: Path) -> None:
    paths = [tmp_path / "1.json", tmp_path / "2.json"]
    for path, benchmark in zip(paths, ("codec", "scale"), strict=True):
        write_result(path, benchmark=benchmark, quick=True, seconds=1.0, figures={}, tables=[])
    with pytest.raises(ConfigError, match="results of codec --quick, scale --quick"):
        join.command(paths, tmp_path / "out.json")
    with pytest.raises(ConfigError, match="results of scale: joined are those of browser"):
        join.command(paths[1:], tmp_path / "out.json")
    with pytest.raises(ArtifactError, match="No such file"):
        join.command([tmp_path / "none.json"], tmp_path / "out.json")


def test_everything_says_what_it_cannot_run(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    kept = tmp_path / "results"
    asked = ["all", "--quick", "--only", "codec", "--html", str(page), "--results", str(kept)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    assert "codec</a> - missing" in text
    assert "not run: it needs --data" in text
    assert "python -m benchmarks codec" in text


def test_everything_makes_a_page_of_results(tmp_path: Path) -> None:
    """A result that is there already stands for the run, which the page takes it from."""
    from benchmarks.html_report import Section, html_report
    from benchmarks.machine import machine_facts

    path = tmp_path / "codec.json"
    table = ResultTable("A table", ("", "B"), (("mean", "11.9"),))
    write_result(path, benchmark="codec", quick=False, seconds=1.0, figures={}, tables=[table])
    picture = tmp_path / "codec.png"
    picture.write_bytes(b"\x89PNG")
    section = Section("codec", "Bytes <of>.", "cmd", ResultFile.load(path), (picture,), 3.0, None)
    text = html_report([section], machine_facts(), quick=False)
    assert "<td>mean</td><td>11.9</td>" in text
    assert "Bytes &lt;of&gt;." in text
    assert "data:image/png;base64,iVBORw==" in text
    assert "missing" not in text.partition("</style>")[2]


def test_everything_refuses_what_is_not_there(tmp_path: Path) -> None:
    runner = CliRunner()
    for asked, says in (
        (["--only", "speed"], "--only speed, allowed: rate-distortion"),
        (["--data", str(tmp_path / "none")], "a folder of clips is expected"),
    ):
        done = runner.invoke(app, ["all", *asked])
        assert isinstance(done.exception, ConfigError)
        assert says in str(done.exception)


@pytest.mark.parametrize("benchmark", ["tracking", "quality"])
def test_a_clip_without_a_face_is_left_out_and_the_others_are_measured(
    benchmark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILOCALL_DATA", str(tmp_path))  # no recognition network there
    clips = tmp_path / "clips"
    clips.mkdir()
    write_portrait_clip(clips / "a.mp4", frames=6)
    write_portrait_clip(clips / "b.mp4", frames=6, blank=range(6))
    path = tmp_path / "result.json"
    done = CliRunner().invoke(app, [benchmark, "--data", str(clips), "--json", str(path)])
    assert done.exit_code == 0, done.output
    note = "left out: b: no face in 6 frames, one is needed"
    assert note in ResultFile.load(path).tables[0].notes
    (clips / "a.mp4").unlink()
    done = CliRunner().invoke(app, [benchmark, "--data", str(clips)])
    assert isinstance(done.exception, ArtifactError)
    assert "b: no face in 6 frames, one is needed" in str(done.exception)
