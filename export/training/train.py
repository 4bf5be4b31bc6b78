"""The training loop.

    prepared clips -> SampleMaker in worker processes -> Trainer.step -> checkpoint, reports

Stops after its minutes and goes on from its checkpoint exactly: a sample is a function of its
number, and the checkpoint holds weights, averages, optimizers and scales.
"""

import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import FrameType
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from export.networks.interface import GeneratorNetwork
from export.training.batches import SampleSet, batches
from export.training.checkpoint import CHECKPOINT_NAME, load_checkpoint, save_checkpoint
from export.training.plan import Plan
from export.training.recognition import RecognitionNetwork
from export.training.reports import Row, append_row, draw_curves, draw_samples, read_metrics
from export.training.sampling import SampleShape
from export.training.store import PreparedClip, read_store
from export.training.trainer import StepReport, Trainer
from export.training.validation import Scores, Validation
from shared.errors import ArtifactError, ConfigError, InferenceError
from shared.face_model import FaceModel


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One piece of a training."""

    data: Path
    """Prepared clips to learn from."""

    validation: Path
    """Prepared clips to choose by."""

    recognition: Path
    """MobileFaceNet's weights."""

    out: Path
    minutes: float
    report_minutes: float = 5.0
    workers: int = 1
    threads: int = 0
    """Of the CPU for the network; 0 takes all."""

    device: str = "cpu"


def train(
    run: TrainingRun, network: GeneratorNetwork, plan: Plan, *, resume: bool, console: Console
) -> Trainer:
    """Train until the minutes or the samples are over, or a signal asks to stop.

    Raises ArtifactError for data, weights or a checkpoint that cannot be used, InferenceError
    when the loss is no longer finite.
    """
    if run.threads:
        torch.set_num_threads(run.threads)
    cv2.setNumThreads(1)  # also before worker processes are forked
    torch.manual_seed(plan.seed)
    model = FaceModel.load()
    clips = read_store(run.data, model.digest)
    validated = read_store(run.validation, model.digest)
    _check_people(clips, validated)
    run.out.mkdir(parents=True, exist_ok=True)
    path = run.out / CHECKPOINT_NAME
    trainer = Trainer(network, RecognitionNetwork.load(run.recognition), plan, _device(run))
    if resume:
        trainer.restore(_state(path, network, plan, model.digest))
    elif path.exists():
        raise ArtifactError(f"{path}: there is a training already, --resume goes on with it")
    loop = _Loop(run, trainer, model, clips, validated, console)
    loop.run()
    return trainer


class _Loop:
    def __init__(
        self,
        run: TrainingRun,
        trainer: Trainer,
        model: FaceModel,
        clips: Sequence[PreparedClip],
        validated: Sequence[PreparedClip],
        console: Console,
    ) -> None:
        spec, plan = trainer.network.spec, trainer.plan
        shape = SampleShape(spec.channels, spec.condition_size, spec.history, plan.drivings)
        self._run, self._trainer, self._model, self._console = run, trainer, model, console
        self._validation = Validation(validated, model, shape)
        self._samples = SampleSet(clips, shape, seed=plan.seed, total=plan.samples // plan.drivings)
        rows = read_metrics(run.out)
        self._seconds_before = rows[-1]["seconds"] if rows and trainer.samples else 0.0
        self._started = time.monotonic()
        self._reports: list[StepReport] = []
        self._stopping = False

    def run(self) -> None:
        """Steps and reports until it is time to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        trainer, plan = self._trainer, self._trainer.plan
        source = batches(
            self._samples,
            start=trainer.samples // plan.drivings,
            references=plan.references,
            workers=self._run.workers,
            pin_memory=trainer.device.type == "cuda",
        )
        next_report = self._started + 60 * self._run.report_minutes
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f} samples"),
            TextColumn("{task.fields[pace]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(
                f"Training {trainer.network.spec.name}",
                total=plan.samples,
                completed=trainer.samples,
                pace="",
            )
            while trainer.samples < plan.samples and not self._is_over():
                report = trainer.step(next(source).to(trainer.device))
                if not np.isfinite(report.gradient_length):
                    raise InferenceError(f"loss not finite after {trainer.samples} samples")
                self._reports.append(report)
                progress.update(task, completed=trainer.samples, pace=self._pace())
                if time.monotonic() >= next_report:
                    self._report()
                    next_report = time.monotonic() + 60 * self._run.report_minutes
        self._report()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _is_over(self) -> bool:
        return self._stopping or time.monotonic() - self._started >= 60 * self._run.minutes

    def _pace(self) -> str:
        done = len(self._reports) * self._trainer.plan.batch
        return f"warped l1 {_mean(self._reports[-50:]).warped_l1:.4f}, {done} since report"

    def _report(self) -> None:
        """Checkpoint, validation, csv, curves and sample sheet."""
        if not self._reports:
            return
        trainer, out = self._trainer, self._run.out
        save_checkpoint(
            out / CHECKPOINT_NAME,
            trainer.network,
            trainer.plan,
            self._model.digest,
            trainer.state(),
        )
        scores, shown = self._validation.measure(trainer)
        row = Row(
            samples=trainer.samples,
            seconds=self._seconds_before + time.monotonic() - self._started,
            rate=trainer.plan.rate(trainer.samples),
            train=_mean(self._reports),
            scores=scores,
        )
        self._reports.clear()
        append_row(out, row)
        draw_curves(out)
        draw_samples(out, shown)
        self._console.print(f"{trainer.samples} samples: {_text(scores)}")


def _state(path: Path, network: GeneratorNetwork, plan: Plan, digest: str) -> dict[str, Any]:
    checkpoint = load_checkpoint(path, network=network.spec.name)
    if checkpoint.face_model != digest:
        raise ArtifactError(
            f"{path}: learnt with face model {checkpoint.face_model[:16]}, "
            f"the present one is {digest[:16]}"
        )
    if checkpoint.plan != plan:
        raise ArtifactError(f"{path}: planned as {checkpoint.plan}, found {plan}")
    return checkpoint.state


def resumed_network(path: Path, name: str) -> tuple[GeneratorNetwork, Plan]:
    """The network and plan of a checkpoint of network `name`, with fresh weights."""
    checkpoint = load_checkpoint(path, network=name)
    return checkpoint.build_fresh(), checkpoint.plan


def _check_people(clips: Sequence[PreparedClip], validated: Sequence[PreparedClip]) -> None:
    both = {clip.identity for clip in clips} & {clip.identity for clip in validated}
    if both:
        raise ArtifactError(
            f"{', '.join(sorted(both)[:5])} in training and validation, "
            "people of one may not be in the other"
        )


def _device(run: TrainingRun) -> torch.device:
    if run.device not in ("cpu", "cuda"):
        raise ConfigError(f"device {run.device!r}, cpu or cuda is possible")
    if run.device == "cuda" and not torch.cuda.is_available():
        raise ArtifactError("device cuda, this machine offers cpu")
    # Sizes never change, so that the search for the fastest convolutions pays at once.
    torch.backends.cudnn.benchmark = run.device == "cuda"
    return torch.device(run.device)


def _mean(reports: Sequence[StepReport]) -> StepReport:
    columns = {name: [getattr(one, name) for one in reports] for name in _TERMS}
    known = {
        name: [value for value in column if value == value] for name, column in columns.items()
    }
    return StepReport(**{name: float(np.mean(known[name] or [0.0])) for name in _TERMS})


_TERMS = [field.name for field in fields(StepReport)]


def _text(scores: Scores) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in asdict(scores).items())
