"""`python -m export train`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from export.networks.family import NAMES, build_network
from export.training.bundle_weights import load_bundle_weights
from export.training.checkpoint import CHECKPOINT_NAME
from export.training.plan import Plan
from export.training.train import TrainingRun, resumed_network, train
from shared.errors import ConfigError

_DEFAULT = Plan()

_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "8589934592"}
"""glibc would return every large tensor to the system and fault its pages in again: half the
time of training on a CPU."""


def command(
    data: Annotated[Path, typer.Option(help="Folder of prepared clips; trained on.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, metrics and pictures.")],
    validation: Annotated[
        Path | None, typer.Option(help="Prepared clips to measure on; `val` beside DATA if absent.")
    ] = None,
    recognition: Annotated[
        Path, typer.Option(help="MobileFaceNet as .npz, for the perceptual loss.")
    ] = Path("../shared/metrics/mobilefacenet.npz"),
    network: Annotated[str, typer.Option(help=f"{', '.join(NAMES)}.")] = "lite",
    minutes: Annotated[float, typer.Option(min=0, help="Of this piece.")] = 60.0,
    samples: Annotated[int, typer.Option(help="Of the whole training.")] = _DEFAULT.samples,
    references: Annotated[int, typer.Option(help="In a batch.")] = _DEFAULT.references,
    drivings: Annotated[int, typer.Option(help="Driving frames of each.")] = _DEFAULT.drivings,
    learning_rate: Annotated[float, typer.Option()] = _DEFAULT.learning_rate,
    adversarial_share: Annotated[
        float, typer.Option(min=0, max=1, help="Last share of the samples with discriminators.")
    ] = _DEFAULT.adversarial_share,
    sizes: Annotated[
        list[str] | None, typer.Option("--size", help="NAME=N or NAME=N,N,N of the network.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with OUT's training.")] = False,
    resume_from: Annotated[
        Path | None, typer.Option(help="A bundle whose weights a new training begins with.")
    ] = None,
    report_minutes: Annotated[float, typer.Option(min=0)] = 5.0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make samples.")] = 1,
    threads: Annotated[int, typer.Option(min=0, help="For the network; 0 for all cores.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Train a generator for some minutes, or go on with one."""
    _set_allocator()
    if resume and resume_from is not None:
        raise ConfigError("--resume and --resume-from, one of them is possible")
    if resume:
        model, plan = resumed_network(out / CHECKPOINT_NAME, network)
    else:
        model = build_network(network, _parse_sizes(sizes or []))
        plan = Plan(
            samples=samples,
            references=references,
            drivings=drivings,
            learning_rate=learning_rate,
            adversarial_share=adversarial_share,
        )
        if resume_from is not None:
            load_bundle_weights(model, resume_from)
    run = TrainingRun(
        data=data,
        validation=validation or data.parent / "val",
        recognition=recognition,
        out=out,
        minutes=minutes,
        report_minutes=report_minutes,
        workers=workers,
        threads=threads,
        device=device,
    )
    train(run, model, plan, resume=resume, console=Console(stderr=True))


def _set_allocator() -> None:
    """glibc reads its settings at the start, so the process starts itself again with them."""
    if sys.platform == "linux" and not _ALLOCATOR.keys() <= os.environ.keys():
        os.execve(sys.executable, sys.orig_argv, os.environ | _ALLOCATOR)  # noqa: S606


def _parse_sizes(texts: list[str]) -> dict[str, object]:
    parsed: dict[str, object] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            numbers = [int(part) for part in value.split(",")]
        except ValueError as err:
            raise ConfigError(f"size {text!r}, NAME=N or NAME=N,N,N is expected") from err
        parsed[name] = numbers[0] if len(numbers) == 1 else numbers
    return parsed
