"""Self- and cross-reenactment of a set of clips, all generators side by side."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmarks.clip_scores import CrossRow, SelfRow
from benchmarks.cross_reenactment import DrivingPerson, measure_pair
from benchmarks.driving import DrivingFrame
from benchmarks.frame_selection import ClipSelection
from benchmarks.quality_bench import QualityBench, TrueFrames
from benchmarks.reference_choice import ClipCase, ReferenceChoice
from benchmarks.self_reenactment import SelfReenactment
from shared.errors import ArtifactError
from shared.parameters import Reference

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class QualityPlan:
    """What is measured."""

    choices: tuple[ReferenceChoice, ...]
    """Of the last one frames are shown."""

    every: int
    """Each so many-th frame."""

    lossless_parameters: bool
    threads: int
    """Clips at the same time."""

    pairs: tuple[tuple[str, str], ...]
    """Of cross-reenactment, by clip: whose appearance, whose motion."""


@dataclass(frozen=True, slots=True, eq=False)
class SelfPart:
    """Self-reenactment of one clip."""

    rows: tuple[SelfRow, ...]
    selection: ClipSelection
    references: dict[ReferenceChoice, tuple[Reference, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class CrossPart:
    """Cross-reenactment of one pair."""

    rows: tuple[CrossRow, ...]
    selection: ClipSelection


class QualityRun:
    """One run. `make_bench` is called once for each thread."""

    def __init__(
        self,
        cases: Sequence[ClipCase],
        plan: QualityPlan,
        make_bench: Callable[[], QualityBench],
        console: Console,
    ) -> None:
        self._cases = {case.name: case for case in cases}
        self._plan = plan
        self._make_bench = make_bench
        self._benches = threading.local()
        self.left_out: dict[str, str] = {}
        """Clips that could not be measured, and why."""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )

    def run(self) -> tuple[list[SelfPart], list[CrossPart]]:
        """Measure everything but clips that cannot be, which `left_out` names, and their pairs.

        Raises ArtifactError when no clip is left.
        """
        passes = len(self._plan.choices)
        total_ns = passes * (
            sum(case.length_ns for case in self._cases.values())
            + sum(self._cases[driving].length_ns for _, driving in self._plan.pairs)
        )
        threads = self._plan.threads
        pool = None if threads == 1 else ThreadPoolExecutor(threads)
        with self._progress, pool or nullcontext():
            task = self._progress.add_task("", total=total_ns)
            tried = _map(pool, lambda case: self._try_own(case, task), self._cases.values())
            own = {
                name: part
                for name, part in zip(self._cases, tried, strict=True)
                if part is not None
            }
            if not own:
                reasons = (f"{name}: {why}" for name, why in self.left_out.items())
                raise ArtifactError("; ".join(reasons))
            pairs = [pair for pair in self._plan.pairs if own.keys() >= set(pair)]
            cross = _map(
                pool, lambda pair: self._cross(*pair, own[pair[0]].references, task), pairs
            )
        return list(own.values()), cross

    def _try_own(self, case: ClipCase, task: TaskID) -> SelfPart | None:
        try:
            return self._own(case, task)
        except ArtifactError as error:
            self.left_out[case.name] = str(error).removeprefix(f"{case.clip.path}: ")
            self._progress.console.print(f"left out: {error}", soft_wrap=True)
            return None

    def _own(self, case: ClipCase, task: TaskID) -> SelfPart:
        bench, plan = self._bench(), self._plan
        truths = TrueFrames(bench)
        rows: list[SelfRow] = []
        references: dict[ReferenceChoice, tuple[Reference, ...]] = {}
        for choice in plan.choices:
            selection = self._selection(case, choice, case.name)
            measuring = SelfReenactment(
                bench, truths, every=plan.every, lossless_parameters=plan.lossless_parameters
            )
            result = measuring.run(
                case.source(choice),
                on_frame=self._advance(task, case, choice.value),
                on_measured=selection.offer,
            )
            references[choice] = result.references
            rows += [
                SelfRow(case.name, choice.value, name, scores)
                for name, scores in zip(bench.names, result.scores, strict=True)
            ]
        return SelfPart(tuple(rows), selection, references)

    def _cross(
        self,
        name: str,
        driving: str,
        references: dict[ReferenceChoice, tuple[Reference, ...]],
        task: TaskID,
    ) -> CrossPart:
        bench, plan, case = self._bench(), self._plan, self._cases[driving]
        person = DrivingPerson(bench, case.tracked)
        rows: list[CrossRow] = []
        for choice in plan.choices:
            selection = self._selection(case, choice, f"{name} moved by {driving}")
            if not references[choice]:
                continue  # a clip so short or poor that its sender chose none
            scores = measure_pair(
                bench,
                references[choice],
                person,
                every=plan.every,
                lossless_parameters=plan.lossless_parameters,
                on_frame=self._advance(task, case, f"{choice.value}, moving {name}"),
                on_measured=selection.offer,
            )
            rows += [
                CrossRow(name, driving, choice.value, generator, one)
                for generator, one in zip(bench.names, scores, strict=True)
            ]
        return CrossPart(tuple(rows), selection)

    def _bench(self) -> QualityBench:
        """This thread's own."""
        if not hasattr(self._benches, "bench"):
            self._benches.bench = self._make_bench()
        bench: QualityBench = self._benches.bench
        return bench

    def _selection(self, case: ClipCase, choice: ReferenceChoice, label: str) -> ClipSelection:
        names = self._bench().names
        return ClipSelection(label, choice.value, names, middle_ns=case.length_ns // 2)

    def _advance(self, task: TaskID, case: ClipCase, what: str) -> Callable[[DrivingFrame], None]:
        """Moves the progress bar by each frame's time."""
        self._progress.update(task, description=f"{case.name} ({what})")
        seen_ns = 0

        def advance(driving: DrivingFrame) -> None:
            nonlocal seen_ns
            self._progress.advance(task, driving.frame.time_ns - seen_ns)
            seen_ns = driving.frame.time_ns

        return advance


def _map(
    pool: ThreadPoolExecutor | None, work: Callable[[_Item], _Result], items: Iterable[_Item]
) -> list[_Result]:
    """In order; what fails ends the run as soon as the threads are done with their items."""
    if pool is None:
        return [work(item) for item in items]
    futures = [pool.submit(work, item) for item in items]
    try:
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()
