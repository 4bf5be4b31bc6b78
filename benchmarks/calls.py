"""`python -m benchmarks calls`: whole calls of the demo's kind, side by side."""

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.call_figures import PORTABLE, call_figures, call_tables
from benchmarks.figures import gather
from benchmarks.json_file import check_writable
from benchmarks.result_file import write_result
from benchmarks.subcommand import why_it_failed
from sender.media_file import MediaFile
from shared.shipped_generators import WARP, default_generator

_SECONDS, _QUICK_SECONDS = 20.0, 5.0
_WIDTH = 160
_TIMEOUT_SECONDS = 240.0
"""Of a call of 20 s, with everything that is measured afterwards."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One call."""

    name: str
    """In the names of figures."""

    options: tuple[str, ...] = ()
    """Of `benchmarks demo`."""

    environment: Mapping[str, str] = field(default_factory=dict)
    needs_film: bool = True
    """Whether it is of no use with the built-in portrait, which has no sound."""


SCENARIOS = (
    Scenario("call", ("--bundle", WARP)),
    Scenario("generator", ("--bundle", default_generator())),
    Scenario("loss30", ("--bundle", WARP, "--loss", "0.3")),
    Scenario(
        "thin-sound",
        ("--bundle", WARP),
        {"KILOCALL_AUDIO_PACKET_MS": "60", "KILOCALL_AUDIO_BITRATE_BPS": "6000"},
    ),
    Scenario("datachannel", ("--bundle", WARP, "--transport", "datachannel")),
    Scenario("portrait", ("--bundle", WARP, "--portrait"), needs_film=False),
)


def command(
    video: Annotated[
        Path | None, typer.Option(help="A film of a face with sound; without, the portrait alone.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Calls of 5 s: the numbers mean little.")
    ] = False,
    repeat: Annotated[int | None, typer.Option(min=1, help="Runs; 2, quick 1.")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
) -> None:
    """Sender, receiver and our player: rates, latency, agreement and memory of whole calls."""
    check_writable(json_path)
    if video is not None:
        MediaFile.probe(video)
    begun = time.monotonic()
    chosen = [one for one in SCENARIOS if video is not None or not one.needs_film]
    runs = repeat or (1 if quick else 2)
    found: list[dict[str, float | None]] = [{} for _ in range(runs)]
    why: dict[str, str] = {}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("calls", total=runs * len(chosen))
        for run in found:
            for scenario in chosen:
                seconds = _QUICK_SECONDS if quick else _SECONDS
                report = _call(scenario, video, seconds)
                if isinstance(report, str):
                    progress.console.print(f"{scenario.name}: {report}", soft_wrap=True)
                    why[f"calls/{scenario.name}/fps"] = report
                run |= call_figures(scenario.name, None if isinstance(report, str) else report)
                progress.advance(task)
    figures = gather(found, portable=PORTABLE, why=why)
    tables = call_tables(figures)
    console = Console(width=max(Console().width, _WIDTH))
    for table in tables:
        console.print(table.rich())
    if json_path is not None:
        write_result(
            json_path,
            benchmark="calls",
            quick=quick,
            seconds=time.monotonic() - begun,
            figures=figures,
            tables=tables,
            details={"video": None if video is None else video.name},
        )


def _call(scenario: Scenario, video: Path | None, seconds: float) -> dict[str, Any] | str:
    """The demo's report, or why there is none."""
    with tempfile.TemporaryDirectory(prefix="kilocall-call-") as folder:
        options = [*scenario.options, "--headless", "--seconds", f"{seconds:g}", "--out", folder]
        if scenario.needs_film:
            options += ["--video", str(video)]
        why = why_it_failed(
            ["demo", *options],
            timeout_seconds=_TIMEOUT_SECONDS,
            environment=scenario.environment,
        )
        if why is not None:
            return why
        report: dict[str, Any] = json.loads(Path(folder, "report.json").read_text("utf-8"))
        return report
