"""Makes the calls of a plan, several at a time, and gathers what they amount to."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.wire_actor import Actor
from benchmarks.wire_lane import CallPlan, Lane, Opening
from benchmarks.wire_plan import Cell, WirePlan, link
from benchmarks.wire_samples import CallSamples, DrivenFace, take_samples
from benchmarks.wire_scores import WireScores, score
from sender.parameter_transport import TransportChoice
from shared.face_model import FaceModel

_START_ATTEMPTS = 3
"""In a row, of a sender and a receiver that do not come up."""


@dataclass(frozen=True, slots=True)
class CellResult:
    """A row of the table."""

    cell: Cell
    scores: WireScores | None
    """None when no call could be measured, or none has been yet."""

    why: str | None
    """What went wrong with calls that are left out of the scores."""


@dataclass(frozen=True, slots=True)
class OpeningResult:
    """Openings of all seeds at one loss."""

    loss: float
    seeds: int
    """That were tried."""

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
    samples: list[CallSamples] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def result(self) -> CellResult:
        scores = score(self.samples) if self.samples else None
        return CellResult(self.cell, scores, _why(self.failures))


@dataclass(slots=True, eq=False)
class _OpeningWork:
    loss: float
    openings: list[Opening] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def result(self) -> OpeningResult:
        seconds = np.array([np.inf if o.seconds is None else o.seconds for o in self.openings])
        signaling = [o.signaling_seconds for o in self.openings if o.signaling_seconds is not None]
        return OpeningResult(
            loss=self.loss,
            seeds=len(seconds),
            median_s=_rank(seconds, 50),
            p95_s=_rank(seconds, 95),
            signaling_median_s=_rank(np.array(signaling), 50),
            never=sum(opening.seconds is None for opening in self.openings),
            why=_why(self.failures),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """One call."""

    make: Callable[[Lane], Awaitable[None]]
    failures: list[str]
    """Where to say why it could not be made."""


class WireRun:
    """All calls of a plan: those made so far can be looked at, and kept, at any time."""

    def __init__(self, plan: WirePlan, actors: Sequence[Actor], model: FaceModel) -> None:
        """At least one actor."""
        self._plan = plan
        self._actors = actors
        self._model = model
        self._cells = [_CellWork(cell) for cell in plan.cells]
        self._openings = [_OpeningWork(loss) for loss in plan.opening_losses]
        self._results: dict[_CellWork, CellResult] = {}

    @property
    def cells(self) -> tuple[CellResult, ...]:
        """Of the calls made so far."""
        return tuple(self._results.get(work) or work.result() for work in self._cells)

    @property
    def openings(self) -> tuple[OpeningResult, ...]:
        """Of those made so far."""
        return tuple(work.result() for work in self._openings)

    async def make_calls(
        self, *, with_tun: bool, folder: Path, on_done: Callable[[float], None]
    ) -> None:
        """All of them; one that fails is a line in its row, and the others are made.

        `on_done` hears after each which share of them is over.
        """
        # Fresh and nice: what is computed here shall not be in the way of the calls under way.
        with ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_stand_back
        ) as scorer:
            jobs = list(self._jobs(folder, scorer))
            waiting, total = iter(jobs), len(jobs)
            done = 0

            def count() -> None:
                nonlocal done
                done += 1
                on_done(done / total)

            async with asyncio.TaskGroup() as group:
                for number in range(min(self._plan.lanes, total)):
                    lane_folder = folder / f"lane-{number}"
                    lane_folder.mkdir()
                    group.create_task(_work(waiting, lane_folder, with_tun, count))
            for job in waiting:  # no lane is left
                job.failures.append("not made: no sender and receiver could be started")
                count()

    def _jobs(self, folder: Path, scorer: ProcessPoolExecutor) -> Iterator[_Job]:
        tracks = {}
        for number, actor in enumerate(self._actors):
            tracks[actor.clip] = folder / f"track-{number}.npz"
            actor.track.save(tracks[actor.clip])
        faces = {actor.clip: DrivenFace.of(actor.track, self._model) for actor in self._actors}
        for work in self._cells:
            speaking = [actor for actor in self._actors if actor.has_sound or not work.cell.voice]
            if not speaking:
                work.failures.append("no clip with sound")
                continue
            for number in range(self._plan.calls_per_cell):
                actor = speaking[number % len(speaking)]
                plan = CallPlan(
                    track=tracks[actor.clip],
                    sound=actor.clip if work.cell.voice else None,
                    transport=work.cell.transport,
                    frames_per_message=work.cell.frames_per_message,
                    conditions=work.cell.conditions,
                    seed=1000 * number + 1,
                    settle_seconds=work.cell.settle_seconds,
                    seconds=self._plan.call_seconds,
                )
                yield _Job(self._measure(work, faces[actor.clip], plan, scorer), work.failures)
        for opening in self._openings:
            for seed in range(self._plan.opening_seeds):
                plan = CallPlan(
                    track=tracks[self._actors[0].clip],
                    sound=None,
                    transport=TransportChoice.DATA_CHANNEL,
                    frames_per_message=None,
                    conditions=link(loss=opening.loss),
                    seed=2 * seed + 1,
                    settle_seconds=0.0,
                    seconds=0.0,
                )
                yield _Job(_open(opening, plan), opening.failures)

    def _measure(
        self, work: _CellWork, face: DrivenFace, plan: CallPlan, scorer: ProcessPoolExecutor
    ) -> Callable[[Lane], Awaitable[None]]:
        async def make(lane: Lane) -> None:
            call = await lane.measure(plan)
            loop = asyncio.get_running_loop()
            work.samples.append(await loop.run_in_executor(scorer, take_samples, call, face))
            self._results[work] = work.result()

        return make


def _open(work: _OpeningWork, plan: CallPlan) -> Callable[[Lane], Awaitable[None]]:
    async def make(lane: Lane) -> None:
        work.openings.append(await lane.open(plan))

    return make


async def _work(
    waiting: Iterator[_Job], folder: Path, with_tun: bool, on_done: Callable[[], None]
) -> None:
    """Call after call; after one that failed with a sender and a receiver started anew. Ends
    early, its job counted as failed, when these do not come up."""
    lane: Lane | None = None
    attempts = 0
    try:
        while attempts < _START_ATTEMPTS and (job := next(waiting, None)) is not None:
            try:
                if lane is None:
                    attempts += 1
                    lane = await Lane.start(folder, with_tun=with_tun)
                    attempts = 0
                await job.make(lane)
            except Exception as error:  # whatever it is: the other calls are still worth making
                job.failures.append(_line(error))
                if lane is not None:
                    await lane.close()
                    lane = None
            on_done()
    finally:
        if lane is not None:
            await lane.close()


def _stand_back() -> None:
    # Ctrl-C is for the benchmark alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(10)


def _line(error: Exception) -> str:
    """The last line of its text: those before tell of the way there."""
    lines = str(error).splitlines()
    return lines[-1] if lines else type(error).__name__


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
