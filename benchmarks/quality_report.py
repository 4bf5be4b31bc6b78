"""The result of a quality run: as JSON, and read again as a baseline."""

import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from benchmarks.clip_scores import (
    CrossRow,
    SelfRow,
    SelfScores,
    deviations,
    mean_scores,
)
from benchmarks.frame_selection import ShownFrame
from benchmarks.json_file import read_number
from benchmarks.machine import MachineFacts
from shared.errors import ArtifactError

FORMAT = 2


@dataclass(frozen=True, slots=True)
class GeneratorFacts:
    """Which weights were measured."""

    name: str
    version: str
    """Empty without weights."""

    sha256: str
    """Of the bundle's manifest, which holds the hashes of all its files; empty without."""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """A run's result and how it came about."""

    machine: MachineFacts
    seconds: float
    every: int
    seed: int
    """Of the pairs of cross-reenactment."""

    lossless_parameters: bool
    generators: tuple[GeneratorFacts, ...]
    clips: tuple[SelfRow, ...]
    cross_clips: tuple[CrossRow, ...]
    worst: tuple[ShownFrame, ...]
    left_out: dict[str, str]
    """Clips that could not be measured, and why."""

    def as_json(self) -> dict[str, object]:
        """For `write_json`; with means and deviations over clips."""
        return {
            "format": FORMAT,
            **asdict(self),
            "means": [asdict(row) for row in self.means()],
            "deviations": [
                asdict(SelfRow("deviation", *key, deviations(scores)))
                for key, scores in _groups(self.clips)
            ],
            "cross_means": [asdict(row) for row in self.cross_means()],
            "cross_deviations": [
                asdict(CrossRow("deviation", "", *key, deviations(scores)))
                for key, scores in _groups(self.cross_clips)
            ],
        }

    def means(self) -> list[SelfRow]:
        """One row for each choice of references and generator."""
        return [SelfRow("mean", *key, mean_scores(scores)) for key, scores in _groups(self.clips)]

    def cross_means(self) -> list[CrossRow]:
        return [
            CrossRow("mean", "", *key, mean_scores(scores))
            for key, scores in _groups(self.cross_clips)
        ]

    def print(self, console: Console) -> None:
        """Tables of self- and cross-reenactment, clip by clip and in the mean."""
        _print("Self-reenactment", ["clip"], [*self.clips, *self.means()], console)
        if self.cross_clips:
            rows = [*self.cross_clips, *self.cross_means()]
            _print("Cross-reenactment", ["clip", "driving"], rows, console)


_AnyRow = TypeVar("_AnyRow", SelfRow, CrossRow)


def _groups(rows: Sequence[_AnyRow]) -> list[tuple[tuple[str, str], list[Any]]]:
    """Scores by (references, generator), in the order of their first row."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        groups.setdefault((row.references, row.generator), []).append(row.scores)
    return list(groups.items())


def _print(title: str, names: Sequence[str], rows: Sequence[_AnyRow], console: Console) -> None:
    columns = [field.name for field in fields(rows[0].scores)]
    table = Table(*names, "references", "generator", *columns, title=title, title_justify="left")
    for row in rows:
        labels = [getattr(row, name) for name in names]
        values = [number_text(getattr(row.scores, name)) for name in columns]
        table.add_row(*labels, row.references, row.generator, *values)
    console.print(table)


def number_text(value: float) -> str:
    """As tables show it."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"


@dataclass(frozen=True, slots=True)
class EarlierResult:
    """What of a kept result a later run is compared with."""

    every: int
    lossless_parameters: bool
    rows: tuple[SelfRow, ...]


def read_result(path: Path) -> EarlierResult:
    """Self-reenactment of an earlier run.

    Raises ArtifactError for a file that is none of this format.
    """
    expected = f"a result of `benchmarks quality --json` of format {FORMAT} is expected"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content.get("format", "none") if isinstance(content, dict) else "none"
        if found != FORMAT:
            raise ArtifactError(f"{path}: format {found}, {expected}")
        return EarlierResult(
            every=content["every"],
            lossless_parameters=content["lossless_parameters"],
            rows=tuple(_row(row) for row in content["clips"]),
        )
    except OSError as err:
        raise ArtifactError(f"{path}: {err.strerror}, {expected}") from err
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise ArtifactError(f"{path}: {type(err).__name__} {err}, {expected}") from err


def _row(row: dict[str, Any]) -> SelfRow:
    scores: dict[str, Any] = {
        field.name: read_number(row["scores"][field.name])
        for field in fields(SelfScores)
        if field.default is MISSING or field.name in row["scores"]
    }
    return SelfRow(row["clip"], row["references"], row["generator"], SelfScores(**scores))
