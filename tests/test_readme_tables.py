"""The README's tables are those of the committed results, and stay whole when made anew."""

import json
from pathlib import Path

import pytest

from benchmarks.figures import Figure
from benchmarks.readme import PAGES, RESULTS, with_tables
from benchmarks.result_file import write_result
from benchmarks.result_table import ResultTable
from shared.errors import ArtifactError

_PAGE = "Before.\n\n<!-- table speed 1 -->\n| old |\n<!-- end of table -->\n\nAfter.\n"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    write_result(
        tmp_path / "speed.json",
        benchmark="speed",
        quick=True,
        seconds=1.0,
        figures={"speed/ms": Figure((3.0, 5.0))},
        tables=[ResultTable("Speed", ("", "ms"), (("lite", "4"),), ("Of one core.",))],
    )
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_made_of_the_committed_results(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<!-- table " in text
    assert with_tables(text, RESULTS) == text, "run: python -m benchmarks readme"


def test_tables_are_made_anew(results: Path) -> None:
    made = with_tables(_PAGE, results)
    assert "| old |" not in made
    assert "| lite | 4 |\n\nOf one core.\n" in made
    assert "; 2 runs, quick.*" in made
    assert made.startswith("Before.\n\n<!-- table speed 1 -->")
    assert made.endswith("<!-- end of table -->\n\nAfter.\n")
    assert with_tables(made, results) == made


def test_missing_table_is_named(results: Path) -> None:
    with pytest.raises(ArtifactError, match="table 2 is wanted, there are 1"):
        with_tables(_PAGE.replace("speed 1", "speed 2"), results)
    with pytest.raises(ArtifactError, match=r"none\.json: No such file"):
        with_tables(_PAGE.replace("speed 1", "none 1"), results)


def test_a_run_on_another_machine_is_named(results: Path) -> None:
    path = results / "speed.json"
    content = json.loads(path.read_text())
    here = content["machine"]
    there = {**here, "cpu": "Abacus", "cores": 1, "commit": "abc", "date": "1911-11-11T11:11:11"}
    path.write_text(json.dumps({**content, "machines": [there, here]}))
    assert "; 2 runs, quick, of them one on Abacus, 1 cores, 1911-11-11, commit abc" in with_tables(
        _PAGE, results
    )
