"""Result files of soaks, read again: several as one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from benchmarks.json_file import read_number
from benchmarks.soak_report import figures_of, tables_of
from benchmarks.soak_run import SoakRun
from benchmarks.soak_sample import ProcessSample, SoakSample
from shared.errors import ArtifactError, ConfigError

_SETTINGS = ("played", "bundle", "seconds_asked", "period_seconds")
_PROCESSES = ("receiver", "sender")


def joined_soaks(paths: Sequence[Path]) -> dict[str, Any]:
    """What changes in the last file where it holds the runs of all, oldest first.

    Raises ArtifactError for a file that is no soak's, ConfigError for soaks of different settings.
    """
    settings: list[dict[str, Any]] = []
    runs: list[SoakRun] = []
    for path in paths:
        content = json.loads(path.read_text(encoding="utf-8"))
        try:
            settings.append({name: content[name] for name in _SETTINGS})
            runs += _runs(content)
        except (KeyError, TypeError, AttributeError) as err:
            raise ArtifactError(
                f"{path}: no result of a soak ({type(err).__name__} {err})"
            ) from err
    for name in _SETTINGS:
        found = list(dict.fromkeys(each[name] for each in settings))
        if len(found) > 1:
            raise ConfigError(f"soaks of {name} {', '.join(map(str, found))}: one of it is allowed")
    tables = tables_of(runs, played=settings[-1]["played"], bundle=settings[-1]["bundle"])
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
    numbers: dict[str, Any] = {
        field.name: read_number(found[field.name])
        for field in fields(SoakSample)
        if field.name not in _PROCESSES
    }
    processes: dict[str, Any] = {name: ProcessSample(**found[name]) for name in _PROCESSES}
    return SoakSample(**numbers, **processes)
