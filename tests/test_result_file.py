"""Figures, tables and result files: what is written is read again, and nonsense is refused."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.figures import Figure, gather
from benchmarks.result_file import ResultFile, write_result
from benchmarks.result_table import ResultTable
from shared.errors import ArtifactError

_TABLE = ResultTable("A title", ("", "ms"), (("lite <256>", "3.1"),), ("of one core",))


def test_figures_have_a_value_a_run() -> None:
    figures = gather(
        [{"a/p50_ms": 3.0, "a/psnr_db": 20.0}, {"a/p50_ms": 5.0}],
        portable=frozenset({"psnr_db"}),
        why={"a/psnr_db": "no face"},
    )
    assert figures == {
        "a/p50_ms": Figure((3.0, 5.0)),
        "a/psnr_db": Figure((20.0, None), portable=True, why="no face"),
    }
    assert (figures["a/p50_ms"].median, figures["a/p50_ms"].spread) == (4.0, 2.0)
    assert (figures["a/psnr_db"].median, figures["a/psnr_db"].spread) == (20.0, None)
    assert Figure((None,)).median is None


def test_result_files_hold_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    figures = {"a/p50_ms": Figure((3.0, None), why="it ended")}
    write_result(
        path,
        benchmark="latency",
        quick=True,
        seconds=12.34,
        figures=figures,
        tables=[_TABLE],
        details={"clips": 3},
    )
    found = ResultFile.load(path)
    assert (found.benchmark, found.quick, found.seconds) == ("latency", True, 12.3)
    assert found.figures == figures
    assert found.tables == (_TABLE,)
    assert found.machine["cores"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no JSON"),
        ("[]", "no result of a benchmark"),
        ('{"benchmark": "a", "quick": true, "seconds": 1, "machine": {}, "figures": {}}', "tables"),
        (
            (
                '{"benchmark": "a", "quick": true, "seconds": 1, "machine": {}, "tables": [],'
                ' "figures": {"a/p50_ms": {"values": ["3"], "portable": true, "why": null}}}'
            ),
            "figure a/p50_ms",
        ),
        (
            (
                '{"benchmark": "a", "quick": true, "seconds": 1, "machine": {}, "figures": {},'
                ' "tables": [{"title": "", "columns": ["a"], "rows": [["1", "2"]], "notes": []}]}'
            ),
            "a table of results",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(ArtifactError, match=says) as raised:
        ResultFile.load(path)
    assert str(path) in str(raised.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="No such file"):
        ResultFile.load(tmp_path / "none.json")


def test_tables_look_the_same_everywhere() -> None:
    assert _TABLE.markdown() == "|  | ms |\n| --- | --- |\n| lite <256> | 3.1 |\n"
    assert "<td>lite &lt;256&gt;</td><td>3.1</td>" in _TABLE.html()
    assert _TABLE.rich().row_count == 1


def test_brackets_are_no_markup_on_the_terminal() -> None:
    console = Console(width=60, record=True, file=io.StringIO())
    console.print(ResultTable("[a]", ("[b]",), (("[red]",),), ("[c]",)).rich())
    text = console.export_text()
    assert all(part in text for part in ("[a]", "[b]", "[red]", "[c]"))
