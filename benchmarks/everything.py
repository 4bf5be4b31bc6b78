"""`python -m benchmarks all`: every benchmark, one after the other, and one page of results."""

import shlex
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.everything_plan import BENCHMARKS, Benchmark
from benchmarks.html_report import Section, html_report
from benchmarks.json_file import check_writable
from benchmarks.machine import machine_facts
from benchmarks.result_file import ResultFile
from benchmarks.subcommand import why_it_failed
from shared.errors import ArtifactError, ConfigError

_QUICK_TIMEOUT_SECONDS = 240.0
_TIMEOUT_SECONDS = 2 * 3600.0
_KNOWN = [benchmark.name for benchmark in BENCHMARKS]


def command(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of clips of faces; without, what needs them is left out."),
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help="A film of a face with sound, for whole calls.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Under 10 minutes on 2 cores; the numbers mean little.")
    ] = False,
    only: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    html: Annotated[Path, typer.Option(help="The page.")] = Path("out/report.html"),
    results: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the JSON and PNG files here.")
    ] = None,
) -> None:
    """Run all benchmarks; one that fails is a section that says why, and the others go on."""
    if unknown := set(only or []) - set(_KNOWN):
        raise ConfigError(f"--only {', '.join(sorted(unknown))}, allowed: {', '.join(_KNOWN)}")
    for path, expected in ((data, "a folder of clips"), (video, "a film")):
        if path is not None and not path.exists():
            raise ConfigError(f"{path}: not there, {expected} is expected")
    check_writable(html)
    machine = machine_facts()
    chosen = [benchmark for benchmark in BENCHMARKS if not only or benchmark.name in only]
    console = Console(stderr=True)
    can_plot = find_spec("matplotlib") is not None
    if not can_plot:
        console.print(
            "without plots: matplotlib is not installed (pip install -r requirements/bench.txt)",
            soft_wrap=True,
        )
    with tempfile.TemporaryDirectory(prefix="kilocall-all-") as scratch:
        folder = Path(scratch) if results is None else results
        folder.mkdir(parents=True, exist_ok=True)
        sections = []
        with Progress(console=console) as progress:
            task = progress.add_task("all", total=len(chosen))
            for benchmark in chosen:
                progress.update(task, description=benchmark.name)
                section = _run(benchmark, data, video, folder, quick=quick, can_plot=can_plot)
                outcome = section.why or "done"
                progress.console.print(
                    f"{benchmark.name}: {outcome} ({section.seconds:.0f} s)",
                    soft_wrap=True,
                    markup=False,
                )
                sections.append(section)
                progress.advance(task)
        html.write_text(html_report(sections, machine, quick=quick), encoding="utf-8")
    console.print(str(html), highlight=False)


def _run(
    benchmark: Benchmark,
    data: Path | None,
    video: Path | None,
    folder: Path,
    *,
    quick: bool,
    can_plot: bool,
) -> Section:
    json_path = folder / f"{benchmark.file_name}.json"
    json_path.unlink(missing_ok=True)
    asked = benchmark.arguments(data, video, quick=quick)
    pictures = benchmark.picture_arguments(folder, can_plot=can_plot)
    asked_text = f"python -m benchmarks {shlex.join([benchmark.name, *(asked or [])])}"
    begun = time.monotonic()
    why: str | None
    if asked is None:
        why = f"not run: {benchmark.needs}"
    else:
        written = [benchmark.name, *asked, "--json", str(json_path), *pictures]
        timeout = _QUICK_TIMEOUT_SECONDS if quick else _TIMEOUT_SECONDS
        why = why_it_failed(written, timeout_seconds=timeout)
    result = None
    if json_path.is_file():
        try:
            result = ResultFile.load(json_path)
        except ArtifactError as error:
            why = why or str(error)
    elif asked is not None:
        why = why or "it left no result"
    return Section(
        name=benchmark.name,
        about=benchmark.about,
        command=asked_text,
        result=result,
        pictures=tuple(path for path in map(Path, pictures[1::2]) if path.is_file()),
        seconds=time.monotonic() - begun,
        why=why,
    )
