"""One run of the scale benchmark: calls added until the receiver misses a frame's time."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.picture_cost import PictureCost, measure_picture
from benchmarks.scale_lane import PlayedTrack, ScaleLane
from benchmarks.scale_scores import StepScores, score, steps
from benchmarks.wire_actor import Actor
from shared.errors import ArtifactError, KilocallError
from shared.face_model import FaceModel
from shared.generator import Generator, load_generator
from shared.shipped_generators import WARP
from shared.warp import WarpGenerator

SIZES = (256, 384, 512)

OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class ScalePlan:
    """How much of everything."""

    generators: tuple[str, ...]
    """Names or folders, as `load_generator` takes them."""

    most_calls: int
    idle_seconds: float
    """Without a call, before the first."""

    settle_seconds: float
    """After a call was added: its playout finds its delay, its viewer gets a sender report."""

    step_seconds: float
    """Measured."""

    pictures: int
    """Of each size."""


def full_plan(generators: Sequence[str], most_calls: int) -> ScalePlan:
    """Some 3 minutes on two cores."""
    return ScalePlan(
        generators=tuple(generators),
        most_calls=most_calls,
        idle_seconds=5.0,
        settle_seconds=4.0,
        step_seconds=15.0,
        pictures=250,
    )


def quick_plan(generators: Sequence[str]) -> ScalePlan:
    """One and two calls, about a minute."""
    return ScalePlan(
        generators=tuple(generators),
        most_calls=2,
        idle_seconds=2.0,
        settle_seconds=2.5,
        step_seconds=5.0,
        pictures=50,
    )


@dataclass(slots=True)
class GeneratorRun:
    """What was found of one generator, as far as it came."""

    name: str
    idle: StepScores | None = None
    steps: list[StepScores] = field(default_factory=list)
    """By rising number of calls; the last one missed, unless `most_calls` held."""

    ended: str | None = None
    """What ended it before a step missed."""


@dataclass(slots=True)
class ScaleRun:
    """What one run found."""

    generators: list[GeneratorRun] = field(default_factory=list)
    pictures: list[PictureCost] = field(default_factory=list)
    lacking: dict[str, str] = field(default_factory=dict)
    """Sizes that could not be measured, and why: name/size."""


def run_calls(
    plan: ScalePlan, actors: Sequence[Actor], run: ScaleRun, on_progress: OnProgress
) -> None:
    """Load one receiver a generator; what a receiver cannot do is written down, not raised."""
    for number, name in enumerate(plan.generators):
        found = GeneratorRun(Path(name).name)
        run.generators.append(found)

        def advance(share: float, number: int = number) -> None:
            on_progress((number + share) / len(plan.generators))

        with tempfile.TemporaryDirectory(prefix="kilocall-scale-") as folder:
            asyncio.run(_load_receiver(plan, name, actors, found, Path(folder), advance))
        advance(1.0)


async def _load_receiver(
    plan: ScalePlan,
    name: str,
    actors: Sequence[Actor],
    found: GeneratorRun,
    folder: Path,
    on_progress: OnProgress,
) -> None:
    played = [_files_of(actor, folder, number) for number, actor in enumerate(actors)]
    fps: list[float] = []
    try:
        lane = await ScaleLane.start(folder, name)
        try:
            found.idle = score(await lane.measure(plan.idle_seconds), fps)
            for calls in steps(plan.most_calls):
                while lane.calls < calls:
                    one = played[lane.calls % len(played)]
                    await lane.add_call(one)
                    fps.append(one.fps)
                await asyncio.sleep(plan.settle_seconds)
                found.steps.append(score(await lane.measure(plan.step_seconds), fps))
                on_progress(calls / plan.most_calls)
                if found.steps[-1].why_missed is not None:
                    return
        finally:
            await lane.close()
    except KilocallError as error:
        found.ended = str(error)


def _files_of(actor: Actor, folder: Path, number: int) -> PlayedTrack:
    path = folder / f"track-{number}.npz"
    actor.track.save(path)
    return PlayedTrack(path, actor.track.fps, actor.clip if actor.has_sound else None)


def run_pictures(
    plan: ScalePlan, actor: Actor, model: FaceModel, run: ScaleRun, on_progress: OnProgress
) -> None:
    """One picture at each size that each generator can make."""
    jobs: list[tuple[str, int]] = [(name, size) for name in plan.generators for size in SIZES]
    for number, (name, size) in enumerate(jobs):
        try:
            generator = _generator_of(name, size)
        except ArtifactError as error:
            run.lacking[f"{Path(name).name}/{size}px"] = str(error)
            continue

        def advance(share: float, number: int = number) -> None:
            on_progress((number + share) / len(jobs))

        run.pictures.append(
            measure_picture(
                generator, actor.track, model, pictures=plan.pictures, on_progress=advance
            )
        )
        generator.close()
    on_progress(1.0)


def _generator_of(name: str, size: int) -> Generator:
    """Raises ArtifactError for a bundle whose networks make another size."""
    if name == WARP:
        return WarpGenerator(size)
    generator = load_generator(name)
    if generator.size != size:
        generator.close()
        raise ArtifactError(f"its networks make pictures of {generator.size} x {generator.size}")
    return generator
