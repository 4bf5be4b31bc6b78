"""`python -m benchmarks latency`: each stage, and the way from the camera to the player."""

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.browser_call import why_no_browser
from benchmarks.json_file import check_writable
from benchmarks.latency_plan import LatencyPlan, SenderKind, full_plan, quick_plan
from benchmarks.latency_run import LatencyRun
from benchmarks.latency_tables import CellRuns, overview_table, stage_tables
from benchmarks.machine import machine_facts
from benchmarks.plot_file import check_plot
from benchmarks.result_file import write_result
from shared.errors import ConfigError, KilocallError

_REPEAT = 2


def command(
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="PNG")] = None,
    repeat: Annotated[
        int | None, typer.Option(min=1, help=f"Runs of everything; {_REPEAT}, 1 with --quick.")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Two short calls, about a minute: the numbers mean little."),
    ] = False,
) -> None:
    """Each stage's time, and from the camera to the player's decoded picture, in two ways.

    Some 7 minutes a run on two cores, which should have nothing else to do: calls of a sender
    process and of a page in Chromium, with each generator, on an idle and on a loaded machine.
    The bar code that the receiver draws tells the latency by the call's own time stamps; steps
    in a made film, found again by the tracker, tell it without them.
    """
    check_writable(json_path)
    check_plot(plot)
    console = Console()
    plan = quick_plan() if quick else full_plan()
    started, load = time.monotonic(), os.getloadavg()[0]
    results = [CellRuns(cell) for cell in plan.cells]
    with tempfile.TemporaryDirectory(prefix="kilocall-latency-") as folder:
        run = _measure(plan, results, repeat or (1 if quick else _REPEAT), Path(folder), console)
    seconds = time.monotonic() - started
    tables = [overview_table(results, plan), *stage_tables(results)]
    wide = Console(width=max(console.width, 190))
    for table in tables:
        wide.print(table.rich())
    if run.browser is not None:
        console.print(f"{run.browser}; its camera's times: {run.page_clock}", soft_wrap=True)
    console.print(
        f"{seconds / 60:.1f} minutes; load {load:.1f} at the start",
        highlight=False,
    )
    if json_path is not None:
        write_result(
            json_path,
            benchmark="latency",
            quick=quick,
            seconds=seconds,
            figures={
                name: figure for result in results for name, figure in result.figures().items()
            },
            tables=tables,
            details={
                "browser": run.browser,
                "page_clock": run.page_clock,
                "load_average_at_start": load,
                "calls": {
                    result.cell.name: [one and one.as_json() for one in result.runs]
                    for result in results
                },
            },
        )
    if plot is not None:
        from benchmarks import latency_plot  # of an extra, and slow to load

        latency_plot.draw(results, plot, machine_facts(), quick=quick)
        console.print(f"{plot}", highlight=False)


def _measure(
    plan: LatencyPlan, results: list[CellRuns], repeat: int, folder: Path, console: Console
) -> LatencyRun:
    """One call after the other; one that comes to nothing is a row that says why."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        console=console,
        refresh_per_second=1,
    ) as progress:
        task = progress.add_task("the film of steps", total=repeat * len(results))
        run = LatencyRun(plan, folder)
        for _ in range(repeat):
            for result in results:
                cell = result.cell
                progress.update(
                    task, description=f"{cell.sender.value}, {cell.generator}, {cell.load}"
                )
                try:
                    why = why_no_browser() if cell.sender is SenderKind.BROWSER else None
                    if why is not None:
                        raise ConfigError(why)
                    result.runs.append(asyncio.run(run.measure(cell)))
                except KilocallError as error:
                    result.runs.append(None)
                    result.whys.append(str(error))
                progress.advance(task)
    return run
