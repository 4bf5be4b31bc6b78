"""Benchmarks that measure once: what is quoted of their reports, and the files that they leave.

A value more is another run, and `python -m benchmarks join`; the other benchmarks have `--repeat`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    """Write the result file of one run; `report` stands in it whole."""
    quoted = QUOTED[benchmark]
    figures = gather([quoted.figures(report)], portable=quoted.portable)
    write_result(
        path,
        benchmark=benchmark,
        quick=quick,
        seconds=seconds,
        figures=figures,
        tables=quoted.tables(figures),
        details=report,
    )
