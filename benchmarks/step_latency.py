"""How late each step of the film is seen at the player, beside what the bar code says. Pure.

    film, tracked ------------ frame at which a step is half done --.
    source times ------- when that frame was before the camera -----+--> measured
    player's pictures, tracked ----- when they show half of it -----'        |
    bar codes of the same pictures ------------------------------> claimed --+--> difference

Nothing of the measured time is taken from the call's own time stamps. The difference is what the
claim leaves out: the smoothing of landmarks, a stamp that comes late, a face that lags its label.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from benchmarks.source_times import SourceTimes
from benchmarks.step_film import FPS, RAMP_FRAMES, ROUND_FRAMES, STEPS, Movement
from benchmarks.step_signal import find_step
from shared.errors import ArtifactError

_PERIOD_NS = 1_000_000_000 // FPS

_LEAST_HEIGHT = 0.35
"""Of the film's own step; what shows less of it was not seen."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """A picture that the player decoded."""

    decoded_ns: int
    claimed_ms: float | None
    """Capture to decoded by its bar code; None where that cannot be read."""

    signal: NDArray[np.floating]
    """(2,) by `Movement`; NaN without a face."""


@dataclass(frozen=True, slots=True)
class FilmStep:
    """A step of the film as the tracker sees it."""

    movement: Movement
    frame: float
    """Of the round, half done."""

    height: float


@dataclass(frozen=True, slots=True)
class StepLatency:
    """One step, from the camera to the player's picture."""

    movement: Movement
    rises: bool
    time_ns: float
    """When it was half done before the camera, monotonic."""

    measured_ms: float | None
    """None: it was not seen."""

    claimed_ms: float | None
    """By the bar codes of the two pictures between which it was half done."""

    @property
    def difference_ms(self) -> float | None:
        """Measured less claimed."""
        if self.measured_ms is None or self.claimed_ms is None:
            return None
        return self.measured_ms - self.claimed_ms


def balanced_mean(
    steps: Sequence[StepLatency], value: Callable[[StepLatency], float | None]
) -> float | None:
    """The mean over rises and falls of each movement, which count alike; None for no value.

    A rebuilt face that moves less evenly than the film's is past half too early on its way there
    and by as much too late on its way back: the mean of both is right.
    """
    found: dict[tuple[Movement, bool], list[float]] = {}
    for step in steps:
        if (number := value(step)) is not None:
            found.setdefault((step.movement, step.rises), []).append(number)
    return mean(map(mean, found.values())) if found else None


def film_steps(film: NDArray[np.floating]) -> tuple[FilmStep, ...]:
    """The steps in signals (ROUND_FRAMES, 2) of the film itself, in the order of STEPS.

    Raises ArtifactError where one is not there: the portrait cannot be tracked.
    """
    rounds = np.concatenate([film, film, film])
    times = np.arange(len(rounds), dtype=np.int64) * _PERIOD_NS
    found: list[FilmStep] = []
    for index, step in enumerate(STEPS):
        next_frame = STEPS[(index + 1) % len(STEPS)].frame
        if next_frame < step.frame:
            next_frame += ROUND_FRAMES
        start, end = (
            (ROUND_FRAMES + frame - RAMP_FRAMES / 2) * _PERIOD_NS
            for frame in (step.frame, next_frame)
        )
        crossing = find_step(times, rounds[:, step.movement], start, end)
        if crossing is None or (crossing.height > 0) is not step.rises:
            raise ArtifactError(f"the film's step at frame {step.frame:g} cannot be tracked")
        frame = crossing.time_ns / _PERIOD_NS - ROUND_FRAMES
        found.append(FilmStep(step.movement, frame, crossing.height))
    return tuple(found)


def step_latencies(
    steps: Sequence[FilmStep],
    source: SourceTimes,
    seen: Sequence[SeenFace],
    *,
    from_ns: int,
) -> list[StepLatency]:
    """Of each step after `from_ns` whose following step the player's pictures still reach."""
    if not seen:
        return []
    times = np.array([face.decoded_ns for face in seen], np.int64)
    signals = np.stack([face.signal for face in seen])
    ramp_ns = RAMP_FRAMES / 2 * _PERIOD_NS
    passages = sorted(
        (time_ns, index)
        for index, step in enumerate(steps)
        for time_ns in source.passages(step.frame)
    )
    found: list[StepLatency] = []
    for (time_ns, index), (next_ns, _) in pairwise(passages):
        if time_ns < from_ns or next_ns - ramp_ns > times[-1]:
            continue
        step = steps[index]
        rises = step.height > 0
        column = signals[:, step.movement]
        crossing = find_step(times, column, time_ns - ramp_ns, next_ns - ramp_ns)
        if crossing is None or crossing.height / step.height < _LEAST_HEIGHT:
            found.append(StepLatency(step.movement, rises, time_ns, None, None))
            continue
        claims = [seen[at].claimed_ms for at in (crossing.before, crossing.index)]
        claimed = (
            None
            if claims[0] is None or claims[1] is None
            else (1 - crossing.weight) * claims[0] + crossing.weight * claims[1]
        )
        measured = (crossing.time_ns - time_ns) / 1e6
        found.append(StepLatency(step.movement, rises, time_ns, measured, claimed))
    return found
