"""Tables of a model card: data by source, measurements with their spread, variants tried."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import inf
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from export.provenance import ClipSource
from shared.errors import ArtifactError
from shared.shipped_generators import WARP

_UNLISTED = "not listed"
_PSNR = "psnr_db"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; bars in cells are escaped."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(header), "|" + "---|" * len(header), *map(line, rows)]


def data_summary(sources: Sequence[ClipSource]) -> str:
    """One sentence for the manifest."""
    clips = [one for one in sources if not one.is_still]
    people = len({one.identity for one in sources})
    places = len({one.source for one in sources} - {""})
    return (
        f"{len(clips)} clips ({sum(one.minutes for one in clips):.1f} minutes) and "
        f"{len(sources) - len(clips)} stills of {people} people from {places} public repositories, "
        "none marked non-commercial; MODEL_CARD.md lists them"
    )


def data_table(sources: Sequence[ClipSource]) -> list[str]:
    """Clips, minutes, frames, stills and people by source, those with most minutes first."""
    groups: dict[tuple[str, str], list[ClipSource]] = defaultdict(list)
    for one in sources:
        groups[one.source or _UNLISTED, one.licence or _UNLISTED].append(one)
    ordered = sorted(
        groups.items(), key=lambda item: (-sum(one.frames for one in item[1]), item[0])
    )
    rows = [[*names, *_amounts(group)] for names, group in ordered]
    header = ["source", "its licence", "clips", "minutes", "frames", "stills", "people"]
    return markdown_table(header, [*rows, ["all", "", *_amounts(sources)]])


def _amounts(sources: Sequence[ClipSource]) -> list[str]:
    clips = [one for one in sources if not one.is_still]
    return [
        str(len(clips)),
        f"{sum(one.minutes for one in clips):.1f}",
        str(sum(one.frames for one in clips)),
        str(len(sources) - len(clips)),
        str(len({one.identity for one in sources})),
    ]


def trials_table(path: Path) -> list[str]:
    """A CSV file as it is; its first line is the header. Raises ArtifactError for another file."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
    except (OSError, ValueError, csv.Error) as err:
        raise ArtifactError(f"{path}: {err}, a table of trials as CSV is expected") from err
    if len(rows) < 2 or len({len(row) for row in rows}) != 1:
        raise ArtifactError(
            f"{path}: {len(rows)} lines of {sorted({len(row) for row in rows})} cells, a header "
            "and lines of as many cells are expected"
        )
    return markdown_table(rows[0], rows[1:])


def quality_tables(path: Path) -> list[str]:
    """Mean and standard deviation over clips, of a report of `benchmarks quality --json`.

    One table for each choice of references, of self- and of cross-reenactment; one column for each
    generator. Raises ArtifactError for a file that is no such report.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        commit, day = report["machine"]["commit"], report["machine"]["date"][:10]
        lines = []
        for title, rows in (
            ("Self-reenactment", report["clips"]),
            ("One person moved by another", report.get("cross_clips", [])),
        ):
            for references, by_generator in _grouped(rows).items():
                clips = len(next(iter(by_generator.values())))
                lines += [f"{title}, {clips} clips, references: {references} ({commit}, {day})", ""]
                lines += [*_quality_table(by_generator), ""]
        return lines
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise ArtifactError(
            f"{path}: {type(err).__name__} {err}, a report of `benchmarks quality --json` is "
            "expected"
        ) from err


_Scores = dict[str, float | None]
_ByGenerator = dict[str, dict[str, _Scores]]
"""Generator -> clip -> scores."""


def _grouped(rows: list[dict[str, Any]]) -> dict[str, _ByGenerator]:
    """By references."""
    groups: dict[str, _ByGenerator] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        clip = f"{row['clip']} {row.get('driving', '')}"
        groups[row["references"]][row["generator"]][clip] = row["scores"]
    return groups


def _quality_table(by_generator: _ByGenerator) -> list[str]:
    names = next(iter(next(iter(by_generator.values())).values()))
    rows = [
        [name, *(_spread(scores.values(), name) for scores in by_generator.values())]
        for name in names
    ]
    if WARP in by_generator and _PSNR in names:
        rows.append([f"{_PSNR} above warp's", *_wins(by_generator)])
    return markdown_table(["", *by_generator], rows)


def _wins(by_generator: _ByGenerator) -> list[str]:
    """On how many clips each generator is better than the warp."""
    warp = by_generator[WARP]
    return [
        "-"
        if name == WARP
        else f"{sum(_number(scores[clip]) > _number(warp[clip]) for clip in warp)} of {len(warp)}"
        for name, scores in by_generator.items()
    ]


def _number(scores: _Scores) -> float:
    value = scores[_PSNR]
    return -inf if value is None else value


def _spread(scores: Iterable[_Scores], name: str) -> str:
    values = [value for one in scores if (value := one[name]) is not None]
    if not values:
        return "-"
    if all(isinstance(value, int) for value in values):
        return f"{sum(values)} in all"
    spread = f" ± {stdev(values):.3g}" if len(values) > 1 else ""
    return f"{mean(values):.4g}{spread}"
