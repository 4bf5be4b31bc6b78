"""Result files of soaks, read again: several as one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from benchmarks.soak_report import figures_of, tables_of
from benchmarks.soak_run import SoakRun
from benchmarks.soak_sample import ProcessSample, SoakSample
from shared.errors import ConfigError

_SETTINGS = ("played", "bundle", "seconds_asked", "period_seconds")
_PROCESSES = ("receiver", "sender")


def joined_soaks(contents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What changes in the last file where it holds the runs of all, oldest first.

    Raises ConfigError for soaks of different settings.
    """
    for name in _SETTINGS:
        found = list(dict.fromkeys(content[name] for content in contents))
        if len(found) > 1:
            raise ConfigError(f"soaks of {name} {', '.join(map(str, found))}: one of it is allowed")
    runs = [run for content in contents for run in _runs(content)]
    last = contents[-1]
    tables = tables_of(runs, played=last["played"], bundle=last["bundle"])
    return {
        "figures": {name: figure.as_json() for name, figure in figures_of(runs).items()},
        "tables": [table.as_json() for table in tables],
        "runs": [asdict(run) for run in runs],
    }


def _runs(content: Mapping[str, Any]) -> list[SoakRun]:
    return [
        SoakRun([_sample(sample) for sample in run["samples"]], run["ended"])
        for run in content["runs"]
    ]


def _sample(found: Mapping[str, Any]) -> SoakSample:
    """NaN stands in a file as null."""
    numbers: dict[str, Any] = {
        field.name: float("nan") if found[field.name] is None else found[field.name]
        for field in fields(SoakSample)
        if field.name not in _PROCESSES
    }
    processes: dict[str, Any] = {name: ProcessSample(**found[name]) for name in _PROCESSES}
    return SoakSample(**numbers, **processes)
