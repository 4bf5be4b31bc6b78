"""Which pictures to send as references, and when. Pure; causal; within a byte budget.

1. The first acceptable frame at once: the other side has a picture.
2. Then the set grows to four that together lie near all poses and expressions seen, each sent
   when it pays (facility location over `pose_expression_distance`, greedy).
3. Then one is exchanged now and then, when the poses seen have become others.

A picture near the middle of the poses seen is worth several decibels over the first frame, and a
set of four several more: nothing else that is sent buys as much.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sender.frame_quality import FrameQuality
from shared.parameters import FaceParameters, Image
from shared.reference_set import pose_expression_distance

SET_SIZE = 4
POOL_SIZE = 20
SEEN_SIZE = 240

SEEN_PERIOD_NS = 200_000_000
"""Poses are noted five times a second: the set serves the last 48 s."""

EARLIEST_NS = (0, 1_200_000_000, 2_500_000_000, 4_500_000_000)
"""When the n-th reference of a set may be sent, after its first."""

GROWTH_GAIN = (0.0, 0.06, 0.06, 0.06)
"""Share of the mean distance that the n-th reference must save to be sent."""

EXCHANGE_GAIN = 0.12
EXCHANGE_PERIOD_NS = 8_000_000_000
"""A full set changes only when it pays well, and seldom."""

PATIENCE_NS = 1_500_000_000
"""After so long without an acceptable frame any tracked one will do as the first."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A picture that could be sent."""

    parameters: FaceParameters
    quality: FrameQuality
    image: Image
    """(S, S, 3), the crop as captured."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A picture to send now."""

    candidate: Candidate
    reference_id: int


class QualityScale:
    """What is normal for this person, camera and light: quality is judged against it."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque(maxlen=100)

    def note(self, quality: FrameQuality) -> None:
        self._seen.append((quality.sharpness, quality.eye_openness))

    def acceptable(self, quality: FrameQuality) -> bool:
        """Whether this can be the first picture that the other side sees."""
        return (
            quality.face_score >= 0.5
            and quality.turn < 0.7
            and quality.margin > 0.01
            and quality.skin_outliers <= 0.35
            and self.penalty(quality) < 0.5
        )

    def penalty(self, quality: FrameQuality) -> float:
        """Cost of showing frames from this picture, in units of `pose_expression_distance`; >= 0.

        A rest pose with open eyes, sharp and unhidden, costs nothing.
        """
        sharpness, openness = self._normal()
        blur = max(0.0, 0.85 - quality.sharpness / sharpness)
        shut = max(0.0, 0.75 - quality.eye_openness / openness)
        hidden = max(0.0, quality.skin_outliers - 0.2)
        moving = max(0.0, quality.motion - 0.3)
        cut = max(0.0, -quality.margin)
        doubt = max(0.0, 0.8 - quality.face_score)
        return 0.6 * blur + 1.0 * shut + 1.0 * hidden + 0.3 * moving + 2.0 * cut + 0.3 * doubt

    def _normal(self) -> tuple[float, float]:
        if len(self._seen) < 5:
            return 0.05, 0.2  # nothing is known yet: only what is surely blurred or shut is bad
        sharpness, openness = np.percentile(np.array(self._seen), 70, axis=0)
        return max(float(sharpness), 1e-3), max(float(openness), 0.12)


class ReferencePolicy:
    """The references of one set. All candidates share its crop and identity."""

    def __init__(self, start_ns: int, scale: QualityScale) -> None:
        self._start_ns = start_ns
        self._scale = scale
        self._first_ns: int | None = None
        self._sent_ns = 0
        self._seen_ns: int | None = None
        self._seen: deque[FaceParameters] = deque(maxlen=SEEN_SIZE)
        self._held: dict[int, Candidate] = {}
        self._held_distances: dict[int, deque[float]] = {}
        self._pool: list[Candidate] = []
        self._pool_distances: list[deque[float]] = []

    def observe(self, parameters: FaceParameters, time_ns: int) -> bool:
        """Note the pose of a tracked frame; True when a candidate of this moment is welcome."""
        if self._seen_ns is not None and time_ns - self._seen_ns < SEEN_PERIOD_NS:
            return self._first_ns is None
        self._seen_ns = time_ns
        self._seen.append(parameters)
        for candidate, distances in zip(self._pool, self._pool_distances, strict=True):
            distances.append(pose_expression_distance(candidate.parameters, parameters))
        for reference_id, candidate in self._held.items():
            distance = pose_expression_distance(candidate.parameters, parameters)
            self._held_distances[reference_id].append(distance)
        return True

    def offer(self, candidate: Candidate) -> None:
        """Keep a candidate for later if it is good; the most dispensable one makes room."""
        if not self._scale.acceptable(candidate.quality):
            return
        self._pool.append(candidate)
        self._pool_distances.append(self._distances(candidate))
        if len(self._pool) > POOL_SIZE:
            worst = self._most_dispensable()
            del self._pool[worst], self._pool_distances[worst]

    def choose(self, time_ns: int, offered: Candidate | None) -> Choice | None:
        """What to send now, or None. `offered`: this moment's candidate, for a first picture.

        Call `sent` when it was sent; until then the answer may be the same again.
        """
        if self._first_ns is None:
            impatient = time_ns - self._start_ns >= PATIENCE_NS
            if offered and (impatient or self._scale.acceptable(offered.quality)):
                return Choice(offered, reference_id=0)
            return None
        if len(self._held) < SET_SIZE:
            return self._grow(time_ns)
        if time_ns - self._sent_ns >= EXCHANGE_PERIOD_NS:
            return self._exchange()
        return None

    def sent(self, choice: Choice, time_ns: int) -> None:
        """The choice is on its way."""
        if self._first_ns is None:
            self._first_ns = time_ns
        self._sent_ns = time_ns
        self._held[choice.reference_id] = choice.candidate
        self._held_distances[choice.reference_id] = self._distances(choice.candidate)
        for index, candidate in enumerate(self._pool):
            if candidate is choice.candidate:
                del self._pool[index], self._pool_distances[index]
                break

    def _grow(self, time_ns: int) -> Choice | None:
        count = len(self._held)
        assert self._first_ns is not None
        if not self._pool or time_ns - self._first_ns < EARLIEST_NS[count]:
            return None
        distances, penalties = self._held_table()
        costs = [
            _cost(np.vstack([distances, column]), np.append(penalties, penalty))
            for column, penalty in self._pool_table()
        ]
        best = int(np.argmin(costs))
        if costs[best] > (1.0 - GROWTH_GAIN[count]) * _cost(distances, penalties):
            return None
        free = next(number for number in range(SET_SIZE) if number not in self._held)
        return Choice(self._pool[best], reference_id=free)

    def _exchange(self) -> Choice | None:
        if not self._pool:
            return None
        distances, penalties = self._held_table()
        best_cost = (1.0 - EXCHANGE_GAIN) * _cost(distances, penalties)
        best: Choice | None = None
        for candidate, (column, penalty) in zip(self._pool, self._pool_table(), strict=True):
            for row, reference_id in enumerate(self._held):
                exchanged, costs = distances.copy(), penalties.copy()
                exchanged[row], costs[row] = column, penalty
                cost = _cost(exchanged, costs)
                if cost < best_cost:
                    best_cost, best = cost, Choice(candidate, reference_id)
        return best

    def _held_table(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distances (R, N) of the references to the poses seen, and their penalties (R,)."""
        return (
            np.array([list(self._held_distances[number]) for number in self._held]),
            np.array([self._scale.penalty(held.quality) for held in self._held.values()]),
        )

    def _pool_table(self) -> list[tuple[NDArray[np.float64], float]]:
        return [
            (np.array(distances), self._scale.penalty(candidate.quality))
            for candidate, distances in zip(self._pool, self._pool_distances, strict=True)
        ]

    def _distances(self, candidate: Candidate) -> deque[float]:
        return deque(
            (pose_expression_distance(candidate.parameters, seen) for seen in self._seen),
            maxlen=SEEN_SIZE,
        )

    def _most_dispensable(self) -> int:
        """Of the two candidates most alike, the one of lower quality."""
        table = np.array([list(distances) for distances in self._pool_distances])
        # Candidates that lie alike to all poses seen are alike.
        apart = np.abs(table[:, None] - table[None]).mean(axis=2) if table.size else None
        if apart is None:
            return 0
        np.fill_diagonal(apart, np.inf)
        one, other = np.unravel_index(int(np.argmin(apart)), apart.shape)
        penalties = [self._scale.penalty(self._pool[i].quality) for i in (int(one), int(other))]
        return int(one) if penalties[0] > penalties[1] else int(other)


def _cost(distances: NDArray[np.float64], penalties: NDArray[np.float64]) -> float:
    """Mean over the poses seen of what their nearest reference (as the receiver picks) costs."""
    nearest = distances.argmin(axis=0)
    return float(np.mean(distances[nearest, np.arange(distances.shape[1])] + penalties[nearest]))
