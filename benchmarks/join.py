"""`python -m benchmarks join`: result files of one benchmark as one, for figures with a spread."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.figures import Figure
from benchmarks.json_file import check_writable, write_json
from benchmarks.result_file import ResultFile
from benchmarks.single_run import QUOTED
from benchmarks.soak_file import joined_soaks
from shared.errors import ConfigError


def command(
    results: Annotated[list[Path], typer.Argument(help="What --json wrote, oldest first.")],
    json_path: Annotated[Path, typer.Option("--json", metavar="FILE")],
) -> None:
    """Join runs of one benchmark: each figure gets all their values, the rest is the last's."""
    check_writable(json_path)
    files = [ResultFile.load(path) for path in results]
    kinds = {f"{file.benchmark}{' --quick' if file.quick else ''}" for file in files}
    if len(kinds) > 1:
        raise ConfigError(f"results of {', '.join(sorted(kinds))}: of one of them is allowed")
    name = files[-1].benchmark
    if name not in (*QUOTED, "soak"):
        raise ConfigError(f"results of {name}: joined are those of {', '.join(QUOTED)}, soak")
    content: dict[str, Any] = json.loads(results[-1].read_text(encoding="utf-8"))
    if name == "soak":  # a table of runs, which figures alone do not make
        content |= joined_soaks(results)
    else:
        figures = joined([file.figures for file in files])
        content["figures"] = {name: figure.as_json() for name, figure in figures.items()}
        content["tables"] = [table.as_json() for table in QUOTED[name].tables(figures)]
    content["seconds"] = sum(file.seconds for file in files)
    content["machines"] = [machine for file in files for machine in file.machines]
    write_json(json_path, content)


def joined(runs: list[dict[str, Figure]]) -> dict[str, Figure]:
    """All values of each name, oldest first; a run that lacks a name counts as one None."""
    names = dict.fromkeys(name for run in runs for name in run)
    lacking = Figure((None,))
    together = {}
    for name in names:
        found = [run.get(name, lacking) for run in runs]
        together[name] = Figure(
            values=tuple(value for figure in found for value in figure.values),
            portable=any(figure.portable for figure in found),
            why=next((figure.why for figure in found if figure.why), None),
        )
    return together
