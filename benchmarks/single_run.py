"""Benchmarks that measure once: what is quoted of their reports, and the files that they leave.

A value more is another run, and `python -m benchmarks join`; the other benchmarks have `--repeat`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import (
    browser_figures,
    codec_figures,
    quality_figures,
    tracking_figures,
    wire_figures,
)
from benchmarks.figures import Figure, gather
from benchmarks.result_file import write_result
from benchmarks.result_table import ResultTable


@dataclass(frozen=True, slots=True)
class Quoted:
    """What others take from one benchmark."""

    figures: Callable[[Mapping[str, Any]], dict[str, float | None]]
    """Of a report as JSON."""

    portable: frozenset[str]
    """As `gather` takes it."""

    tables: Callable[[Mapping[str, Figure]], list[ResultTable]]


QUOTED = {
    "browser": Quoted(
        browser_figures.browser_figures, browser_figures.PORTABLE, browser_figures.browser_tables
    ),
    "codec": Quoted(
        codec_figures.codec_figures, codec_figures.PORTABLE, codec_figures.codec_tables
    ),
    "quality": Quoted(
        quality_figures.quality_figures, quality_figures.PORTABLE, quality_figures.quality_tables
    ),
    "tracking": Quoted(
        tracking_figures.tracking_figures,
        tracking_figures.PORTABLE,
        tracking_figures.tracking_tables,
    ),
    "wire": Quoted(wire_figures.wire_figures, wire_figures.PORTABLE, wire_figures.wire_tables),
}
"""By sub-command."""


def write_single_run(
    path: Path, benchmark: str, report: Mapping[str, Any], *, quick: bool, seconds: float
) -> None:
    """Write the result file of one run; `report` stands in it whole, and what it has `left_out`
    under its first table."""
    quoted = QUOTED[benchmark]
    figures = gather([quoted.figures(report)], portable=quoted.portable)
    tables = quoted.tables(figures)
    left_out = [f"left out: {name}: {why}" for name, why in report.get("left_out", {}).items()]
    if tables and left_out:
        tables[0] = replace(tables[0], notes=(*tables[0].notes, *left_out))
    write_result(
        path,
        benchmark=benchmark,
        quick=quick,
        seconds=seconds,
        figures=figures,
        tables=tables,
        details=report,
    )
