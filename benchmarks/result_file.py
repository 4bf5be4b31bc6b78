"""The file that a benchmark leaves behind: machine, figures, tables, and details of its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.json_file import write_json
from benchmarks.machine import machine_facts
from benchmarks.result_table import ResultTable
from shared.errors import ArtifactError


@dataclass(frozen=True, slots=True)
class ResultFile:
    """What any reader of such a file finds in it, whatever the benchmark."""

    benchmark: str
    """Its sub-command."""

    quick: bool
    """Whether numbers mean little, as too little was measured."""

    seconds: float
    """That it took, all runs."""

    machine: dict[str, object]
    """`MachineFacts`; of joined runs the last one's."""

    machines: tuple[dict[str, object], ...]
    """Of each run, oldest first, where runs were joined; else the one."""

    figures: dict[str, Figure]
    tables: tuple[ResultTable, ...]

    @classmethod
    def load(cls, path: Path) -> "ResultFile":
        """Raises ArtifactError naming the file and what is wrong with it."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ArtifactError(f"{path}: {error.strerror or error}") from error
        except ValueError as error:
            raise ArtifactError(f"{path}: no JSON ({error})") from error
        match content:
            case {
                "benchmark": str(benchmark),
                "quick": bool(quick),
                "seconds": int() | float() as seconds,
                "machine": dict() as machine,
                "figures": dict() as figures,
                "tables": [*tables],
            }:
                try:
                    return cls(
                        benchmark=benchmark,
                        quick=quick,
                        seconds=float(seconds),
                        machine=machine,
                        machines=tuple(content.get("machines") or (machine,)),
                        figures={name: Figure.parse(name, each) for name, each in figures.items()},
                        tables=tuple(map(ResultTable.parse, tables)),
                    )
                except ArtifactError as error:
                    raise ArtifactError(f"{path}: {error}") from error
        raise ArtifactError(
            f"{path}: no result of a benchmark: benchmark, quick, seconds, machine, figures and "
            "tables are expected"
        )


def write_result(
    path: Path,
    *,
    benchmark: str,
    quick: bool,
    seconds: float,
    figures: Mapping[str, Figure],
    tables: Sequence[ResultTable],
    details: Mapping[str, object] | None = None,
) -> None:
    """Write the file; `details` are further keys, of this benchmark alone."""
    write_json(
        path,
        {
            "benchmark": benchmark,
            "machine": machine_facts().as_json(),
            "quick": quick,
            "seconds": round(seconds, 1),
            "figures": {name: figure.as_json() for name, figure in figures.items()},
            "tables": [table.as_json() for table in tables],
            **(details or {}),
        },
    )
