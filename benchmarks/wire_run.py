"""Makes the calls of a plan, several at a time, and gathers what they amount to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.wire_lane import CallPlan, Lane, MeasuredCall, Opening
from benchmarks.wire_plan import Cell, WirePlan, link
from benchmarks.wire_scores import DrivenFace, WireScores, score
from benchmarks.wire_track import RecordedTrack
from sender.parameter_transport import TransportChoice
from shared.errors import KilocallError
from shared.face_model import FaceModel


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """A recording to play, and a file with its sound."""

    track: RecordedTrack
    clip: Path
    has_sound: bool


@dataclass(frozen=True, slots=True)
class CellResult:
    """A row of the table."""

    cell: Cell
    scores: WireScores | None
    """None when no call could be measured."""

    why: str | None
    """What went wrong with calls that are left out of the scores."""


@dataclass(frozen=True, slots=True)
class OpeningResult:
    """Openings of all seeds at one loss."""

    loss: float
    seeds: int
    median_s: float | None
    """None when half of them never opened."""

    p95_s: float | None
    """Nearest rank; None when it never opened."""

    signaling_median_s: float | None
    """Of the median, until the first packet after WHIP's answer."""

    never: int
    """Not open within a minute."""

    why: str | None
    """What went wrong with openings that are left out."""


@dataclass(slots=True, eq=False)
class _CellWork:
    cell: Cell
    calls: list[tuple[MeasuredCall, Actor]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _OpeningWork:
    loss: float
    openings: list[Opening] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


Task = Callable[[Lane], Awaitable[None]]


async def run_calls(
    plan: WirePlan,
    actors: Sequence[Actor],
    model: FaceModel,
    *,
    with_tun: bool,
    folder: Path,
    on_progress: Callable[[float], None],
) -> tuple[list[CellResult], list[OpeningResult]]:
    """Everything of a plan; at least one actor.

    `on_progress` hears which share of the calls is over. Raises ChildError, LaneError when a
    sender and a receiver cannot even be started.
    """
    tracks = {}
    for number, actor in enumerate(actors):
        tracks[actor.clip] = folder / f"track-{number}.npz"
        actor.track.save(tracks[actor.clip])
    cells = [_CellWork(cell) for cell in plan.cells]
    openings = [_OpeningWork(loss) for loss in plan.opening_losses]
    queue: asyncio.Queue[tuple[Task, list[str]]] = asyncio.Queue()
    for work in cells:
        speaking = [actor for actor in actors if actor.has_sound or not work.cell.voice]
        if not speaking:
            work.failures.append("no clip with sound")
            continue
        for number in range(plan.calls_per_cell):
            actor = speaking[number % len(speaking)]
            call_plan = CallPlan(
                track=tracks[actor.clip],
                sound=actor.clip if work.cell.voice else None,
                transport=work.cell.transport,
                frames_per_message=work.cell.frames_per_message,
                conditions=work.cell.conditions,
                seed=1000 * number + 1,
                settle_seconds=work.cell.settle_seconds,
                seconds=plan.call_seconds,
            )
            queue.put_nowait((_measure(work, actor, call_plan), work.failures))
    for opening in openings:
        for seed in range(plan.opening_seeds):
            opening_plan = CallPlan(
                track=tracks[actors[0].clip],
                sound=None,
                transport=TransportChoice.DATA_CHANNEL,
                frames_per_message=None,
                conditions=link(loss=opening.loss),
                seed=2 * seed + 1,
                settle_seconds=0.0,
                seconds=0.0,
            )
            queue.put_nowait((_open(opening, opening_plan), opening.failures))
    total = queue.qsize()
    async with asyncio.TaskGroup() as group:
        for number in range(min(plan.lanes, total)):
            lane_folder = folder / f"lane-{number}"
            lane_folder.mkdir()
            group.create_task(
                _work(queue, lane_folder, with_tun, lambda: on_progress(1 - queue.qsize() / total))
            )
    faces = {actor.clip: DrivenFace.of(actor.track, model) for actor in actors}
    return (
        [_cell_result(work, faces) for work in cells],
        [_opening_result(work) for work in openings],
    )


def _measure(work: _CellWork, actor: Actor, plan: CallPlan) -> Task:
    async def task(lane: Lane) -> None:
        work.calls.append((await lane.measure(plan), actor))

    return task


def _open(work: _OpeningWork, plan: CallPlan) -> Task:
    async def task(lane: Lane) -> None:
        work.openings.append(await lane.open(plan))

    return task


async def _work(
    queue: asyncio.Queue[tuple[Task, list[str]]],
    folder: Path,
    with_tun: bool,
    on_done: Callable[[], None],
) -> None:
    """Call after call; after one that failed with a sender and a receiver started anew."""
    lane: Lane | None = None
    try:
        while not queue.empty():
            task, failures = queue.get_nowait()
            lane = lane or await Lane.start(folder, with_tun=with_tun)
            try:
                await task(lane)
            except KilocallError as error:
                failures.append(str(error).splitlines()[-1])
                await lane.close()
                lane = None
            on_done()
    finally:
        if lane is not None:
            await lane.close()


def _cell_result(work: _CellWork, faces: dict[Path, DrivenFace]) -> CellResult:
    scores = (
        score([(call, faces[actor.clip]) for call, actor in work.calls]) if work.calls else None
    )
    return CellResult(work.cell, scores, _why(work.failures))


def _opening_result(work: _OpeningWork) -> OpeningResult:
    never = sum(opening.seconds is None for opening in work.openings)
    seconds = np.array([np.inf if o.seconds is None else o.seconds for o in work.openings])
    signaling = [o.signaling_seconds for o in work.openings if o.signaling_seconds is not None]
    return OpeningResult(
        loss=work.loss,
        seeds=len(seconds),
        median_s=_rank(seconds, 50),
        p95_s=_rank(seconds, 95),
        signaling_median_s=_rank(np.array(signaling), 50),
        never=never,
        why=_why(work.failures),
    )


def _rank(values: np.ndarray, percent: float) -> float | None:
    """Nearest-rank percentile; None for no values or an infinite one."""
    if not len(values):
        return None
    found = float(np.percentile(values, percent, method="inverted_cdf"))
    return found if np.isfinite(found) else None


def _why(failures: list[str]) -> str | None:
    if not failures:
        return None
    return failures[0] if len(failures) == 1 else f"{len(failures)} calls: {failures[0]}"
