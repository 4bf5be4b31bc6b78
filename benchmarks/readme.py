"""`python -m benchmarks readme`: the tables of the README and of docs/results.md, made from the
committed results.

A table stands between `<!-- table NAME N -->` and `<!-- end of table -->`: the N-th of
`benchmarks/results/NAME.json`, counted from 1.
"""

import re
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.result_file import ResultFile
from shared.errors import ArtifactError

_ROOT = Path(__file__).resolve().parent.parent
PAGES = (_ROOT / "README.md", _ROOT / "docs" / "results.md")
RESULTS = _ROOT / "benchmarks" / "results"

_TABLE = re.compile(
    r"(?P<begin><!-- table (?P<name>\w+) (?P<number>\d+) -->\n)(?P<text>.*?)"
    r"(?P<end><!-- end of table -->)",
    re.DOTALL,
)


def command(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail where it would change.")
    ] = False,
) -> None:
    """Write the tables of README.md and docs/results.md anew from benchmarks/results."""
    for page in PAGES:
        found = page.read_text(encoding="utf-8")
        made = with_tables(found, RESULTS)
        if made == found:
            continue
        if check:
            raise ArtifactError(
                f"{page.name}: its tables are not those of benchmarks/results; "
                "`python -m benchmarks readme` writes them"
            )
        page.write_text(made, encoding="utf-8")


def with_tables(text: str, results: Path) -> str:
    """The same page with its tables made anew.

    Raises ArtifactError for a result that is missing or has no such table.
    """

    def made(found: re.Match[str]) -> str:
        path = results / f"{found['name']}.json"
        result, number = ResultFile.load(path), int(found["number"])
        if not 1 <= number <= len(result.tables):
            raise ArtifactError(f"{path}: table {number} is wanted, there are {len(result.tables)}")
        table = result.tables[number - 1]
        notes = "".join(f"\n{note}\n" for note in table.notes)
        return f"{found['begin']}\n{table.markdown()}{notes}\n{provenance(result)}\n{found['end']}"

    return _TABLE.sub(made, text)


def provenance(result: ResultFile) -> str:
    """Where and when, as one line."""
    runs = max((len(figure.values) for figure in result.figures.values()), default=0)
    times = f"{runs} runs" if runs > 1 else "one run"
    length = f"{times}{', quick' if result.quick else ''}"
    made = _where_and_when(result.machine)
    elsewhere = [one for one in result.machines if one.get("cpu") != result.machine.get("cpu")]
    before = "".join(f", of them one on {_where_and_when(one)}" for one in elsewhere)
    return f"*`python -m benchmarks {result.benchmark}`: {made}; {length}{before}.*\n"


def _where_and_when(machine: dict[str, object]) -> str:
    changed = " and changes" if machine.get("changed") else ""
    where = f"{machine.get('cpu')}, {machine.get('cores')} cores"
    return f"{where}, {str(machine.get('date'))[:10]}, commit {machine.get('commit')}{changed}"
