"""`python -m benchmarks regress`: a few minutes of measuring that tell whether anything got worse
or better than what is committed."""

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.figures import Figure, gather
from benchmarks.join import joined
from benchmarks.json_file import check_writable
from benchmarks.readme import RESULTS
from benchmarks.regression import MARGINS, Comparison, compare
from benchmarks.result_file import ResultFile, write_result
from benchmarks.result_table import ResultTable
from benchmarks.stage_ratios import stage_ratios
from benchmarks.subcommand import why_it_failed
from shared.errors import ConfigError, KilocallError
from shared.shipped_generators import default_generator

COMMITTED = RESULTS / "regress.json"
_TIMEOUT_SECONDS = 300.0


class RegressionError(KilocallError):
    """Something is no longer what it was; the exit status says so."""


def command(
    data: Annotated[Path, typer.Option(help="Folder of clips of faces; the first two are used.")],
    repeat: Annotated[int, typer.Option(min=1, help="Runs.")] = 1,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Keep the figures; no comparison.")
    ] = None,
) -> None:
    """Quick runs of tracking, codec, quality and a call, and ratios of times, against
    benchmarks/results/regress.json, which `--repeat 3 --json` of it makes."""
    check_writable(json_path)
    if not data.is_dir():
        raise ConfigError(f"{data}: not there, a folder of clips is expected")
    begun = time.monotonic()
    parts = {
        "tracking": ("--data", str(data)),
        "codec": ("--data", str(data)),
        "quality": ("--data", str(data), "--bundle", default_generator()),
        "calls": (),
    }
    runs = []
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("regress", total=repeat * (len(parts) + 1))
        for _ in range(repeat):
            run = gather([stage_ratios()], portable=frozenset(MARGINS))
            progress.advance(task)
            for name, options in parts.items():
                run |= _quick(name, options)
                progress.advance(task)
            runs.append({key: run[key] for key in run if key.rpartition("/")[2] in MARGINS})
    figures = joined(runs)
    if json_path is not None:
        write_result(
            json_path,
            benchmark="regress",
            quick=True,
            seconds=time.monotonic() - begun,
            figures=figures,
            tables=[],
        )
        return
    comparisons = compare(figures, ResultFile.load(COMMITTED).figures)
    Console(width=120).print(_table(comparisons).rich())
    worse = [comparison.name for comparison in comparisons if not comparison.holds]
    if worse or not comparisons:
        raise RegressionError(
            f"{len(worse)} of {len(comparisons)} figures are not where {COMMITTED.name} allows: "
            f"{', '.join(worse) or 'nothing to compare'}; if they are meant to change, "
            f"`python -m benchmarks regress --data DIR --repeat 3 --json {COMMITTED.name}`"
        )


def _quick(name: str, options: tuple[str, ...]) -> dict[str, Figure]:
    """Raises RegressionError when the benchmark fails."""
    with tempfile.TemporaryDirectory(prefix="kilocall-regress-") as folder:
        path = Path(folder, "result.json")
        why = why_it_failed(
            [name, *options, "--quick", "--json", str(path)], timeout_seconds=_TIMEOUT_SECONDS
        )
        if why is not None:
            raise RegressionError(f"{name} --quick: {why}")
        return ResultFile.load(path).figures


def _table(comparisons: list[Comparison]) -> ResultTable:
    rows = tuple(
        (
            one.name,
            "-" if one.now is None else f"{one.now:.4g}",
            f"{one.least:.4g} to {one.most:.4g}",
            "" if one.holds else "NO",
        )
        for one in comparisons
    )
    return ResultTable("Figures now and as committed", ("", "now", "allowed", ""), rows)
