"""The GPU benchmark from its plan to its files, whatever command asked for it."""

import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import gather
from benchmarks.gpu_plan import GpuPlan
from benchmarks.gpu_run import GpuRun, Tell, measure
from benchmarks.gpu_tables import result_tables
from benchmarks.json_file import check_writable
from benchmarks.result_file import write_result
from benchmarks.result_table import ResultTable
from shared.errors import ConfigError


def run_benchmark(
    plan: GpuPlan, *, repeat: int, json_path: Path | None, plot: Path | None, tell: Tell
) -> list[ResultTable]:
    """Measure so many times and write what was asked for; the tables to print.

    Raises ConfigError, before anything is measured, for files that could not be written.
    """
    check_writable(json_path)
    check_writable(plot)
    if plot is not None:
        try:
            from benchmarks.gpu_plot import draw
        except ImportError as err:
            raise ConfigError(f"{err.name} is not installed: pip install kilocall[bench]") from err
    started = time.monotonic()
    runs = [measure(plan, tell) for _ in range(repeat)]
    figures = gather([run.values for run in runs], why=_why(runs))
    gpu = str(runs[0].facts.get("gpu", ""))
    tables = result_tables(plan, figures, gpu)
    if json_path is not None:
        write_result(
            json_path,
            benchmark="gpu",
            quick=plan.quick,
            seconds=time.monotonic() - started,
            figures=figures,
            tables=tables,
            details={"processor": runs[0].facts},
        )
    if plot is not None:
        draw(plan, figures, gpu, plot)
    return tables


def _why(runs: Sequence[GpuRun]) -> dict[str, str]:
    return {name: reason for run in runs for name, reason in run.why.items()}
