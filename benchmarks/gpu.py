"""`python -m benchmarks gpu`: networks on a GPU, by number format, batch and back end."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.gpu_plan import BACK_ENDS, BATCHES, NETWORKS, NUMBER_FORMATS, GpuPlan, quick_plan
from benchmarks.gpu_report import run_benchmark
from benchmarks.gpu_run import steps
from shared.number_format import NumberFormat


def command(
    device: Annotated[
        str, typer.Option(help="cuda; cpu tests the benchmark, its numbers are no GPU's.")
    ] = "cuda",
    networks: Annotated[
        list[str] | None, typer.Option("--network", help=f"Of {', '.join(NETWORKS)}; repeatable.")
    ] = None,
    formats: Annotated[
        list[NumberFormat] | None,
        typer.Option("--format", help=f"{' and '.join(NUMBER_FORMATS)} if absent; repeatable."),
    ] = None,
    batches: Annotated[
        list[int] | None,
        typer.Option("--batch", help=f"{', '.join(map(str, BATCHES))} if absent; repeatable."),
    ] = None,
    back_ends: Annotated[
        list[str] | None,
        typer.Option("--back-end", help=f"Of {', '.join(BACK_ENDS)}; repeatable."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="Of each time that is taken.")] = 2.0,
    call_seconds: Annotated[float, typer.Option(min=1, help="Of calls.")] = 20.0,
    quick: Annotated[bool, typer.Option("--quick", help="Little of it, once.")] = False,
    repeat: Annotated[int | None, typer.Option(min=1, help="2 if absent, 1 with --quick.")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="PNG", help="Times and calls.")] = None,
) -> None:
    """Times of networks beside the floor that arithmetic and memory set, and calls they keep.

    `python -m benchmarks.gpu_bare` does the same where only torch is installed.
    """
    plan = GpuPlan(
        device=device,
        networks=tuple(networks or NETWORKS),
        number_formats=tuple(formats or NUMBER_FORMATS),
        batches=tuple(batches or BATCHES),
        back_ends=tuple(back_ends or BACK_ENDS),
        seconds=seconds,
        call_seconds=call_seconds,
    )
    plan = quick_plan(plan) if quick else plan
    repeat = repeat or (1 if quick else 2)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=steps(plan) * repeat)

        def tell(step: str) -> None:
            progress.update(task, advance=1, description=step)

        tables = run_benchmark(plan, repeat=repeat, json_path=json_path, plot=plot, tell=tell)
    console = Console()
    for table in tables:
        console.print(table.rich())
