"""Which pictures to send as references, and when. Pure; causal; within a byte budget.

1. The first acceptable frame at once: the other side has a picture.
2. Then the set grows to four that together lie near all poses and expressions seen, each sent
   when it pays (facility location over the receiver's own distance, greedy).
3. Then one is exchanged now and then, when the poses seen have become others.

A picture near the middle of the poses seen is worth several decibels over the first frame, and a
set of four several more: nothing else that is sent buys as much.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sender.frame_quality import FrameQuality
from sender.quality_scale import QualityScale
from shared.parameters import FaceParameters, FloatArray, Image
from shared.reference_set import pose_expression_embedding

SET_SIZE = 4
POOL_SIZE = 20
SEEN_SIZE = 240

SEEN_PERIOD_NS = 200_000_000
"""Poses are noted five times a second: the set serves the last 48 s."""

EARLIEST_NS = (0, 1_200_000_000, 3_000_000_000, 6_000_000_000)
"""When the n-th reference of a set may be sent, after its first.

Sooner gains a little at once, later more for the rest: on 14 clips of 5 to 15 s a set complete
after 3.2, 4.5 and 6 s gave 24.09, 24.03 and 24.01 dB, in their later halves 23.26, 23.36, 23.63.
"""

GROWTH_GAIN = (0.0, 0.06, 0.06, 0.06)
"""Share of the mean distance that the n-th reference must save to be sent."""

LEAST_GAIN_PX = 0.2
"""And at least so much: below, the face hardly moves."""

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


class ReferencePolicy:
    """The references of one set. All candidates share its crop and identity."""

    def __init__(self, start_ns: int, scale: QualityScale) -> None:
        self._start_ns = start_ns
        self._scale = scale
        self._first_ns: int | None = None
        self._sent_ns = 0
        self._seen_ns: int | None = None
        self._seen: deque[FloatArray] = deque(maxlen=SEEN_SIZE)
        self._held: dict[int, _Entry] = {}
        self._pool: list[_Entry] = []

    def observe(self, parameters: FaceParameters, time_ns: int) -> bool:
        """Note the pose of a tracked frame; True when a candidate of this moment is welcome."""
        if self._seen_ns is not None and time_ns - self._seen_ns < SEEN_PERIOD_NS:
            return self._first_ns is None
        self._seen_ns = time_ns
        self._seen.append(pose_expression_embedding(parameters))
        return True

    def offer(self, candidate: Candidate) -> None:
        """Keep a candidate for later if it is good; the most dispensable one makes room."""
        if not self._scale.acceptable(candidate.quality):
            return
        self._pool.append(_Entry(candidate, pose_expression_embedding(candidate.parameters)))
        if len(self._pool) > POOL_SIZE:
            del self._pool[self._most_dispensable()]

    def choose(self, time_ns: int, offered: Candidate) -> Choice | None:
        """What to send now, or None. `offered`: this moment's candidate, for a first picture.

        Until `sent` is called the answer may be the same again.
        """
        if self._first_ns is None:
            impatient = time_ns - self._start_ns >= PATIENCE_NS
            if impatient or self._scale.acceptable(offered.quality):
                return Choice(offered, reference_id=0)
            return None
        if not self._pool:
            return None
        if len(self._held) < SET_SIZE:
            due_ns = self._first_ns + EARLIEST_NS[len(self._held)]
            return self._grow() if time_ns >= due_ns else None
        return self._exchange() if time_ns - self._sent_ns >= EXCHANGE_PERIOD_NS else None

    def sent(self, choice: Choice, time_ns: int) -> None:
        """The choice is on its way."""
        if self._first_ns is None:
            self._first_ns = time_ns
        self._sent_ns = time_ns
        candidate = choice.candidate
        embedding = pose_expression_embedding(candidate.parameters)
        self._held[choice.reference_id] = _Entry(candidate, embedding)
        self._pool = [entry for entry in self._pool if entry.candidate is not candidate]

    def _grow(self) -> Choice | None:
        count = len(self._held)
        held = self._table(list(self._held.values()))
        pool = self._table(self._pool)
        costs = [_cost(_Table.stacked(held, pool.row(index))) for index in range(len(self._pool))]
        best = int(np.argmin(costs))
        if costs[best] > _worth_it(_cost(held), GROWTH_GAIN[count]):
            return None
        free = next(number for number in range(SET_SIZE) if number not in self._held)
        return Choice(self._pool[best].candidate, reference_id=free)

    def _exchange(self) -> Choice | None:
        held = self._table(list(self._held.values()))
        pool = self._table(self._pool)
        best_cost = _worth_it(_cost(held), EXCHANGE_GAIN)
        best: Choice | None = None
        for row, reference_id in enumerate(self._held):
            rest = held.without(row)
            for index, entry in enumerate(self._pool):
                cost = _cost(_Table.stacked(rest, pool.row(index)))
                if cost < best_cost:
                    best_cost, best = cost, Choice(entry.candidate, reference_id)
        return best

    def _table(self, entries: "list[_Entry]") -> "_Table":
        embeddings = np.stack([entry.embedding for entry in entries])
        penalties = [self._scale.penalty(entry.candidate.quality) for entry in entries]
        return _Table(_distances(embeddings, np.stack(self._seen)), np.array(penalties))

    def _most_dispensable(self) -> int:
        """Of the two candidates most alike, the one of lower quality."""
        embeddings = np.stack([entry.embedding for entry in self._pool])
        apart = _distances(embeddings, embeddings)
        np.fill_diagonal(apart, np.inf)
        pair = [int(index) for index in np.unravel_index(int(np.argmin(apart)), apart.shape)]
        return max(pair, key=lambda i: self._scale.penalty(self._pool[i].candidate.quality))


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    candidate: Candidate
    embedding: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """What frames seen would cost from some references."""

    distances: NDArray[np.floating]
    """(R, N) from each reference to each pose seen."""

    penalties: NDArray[np.floating]
    """(R,)"""

    def row(self, index: int) -> "_Table":
        return _Table(self.distances[index : index + 1], self.penalties[index : index + 1])

    def without(self, index: int) -> "_Table":
        return _Table(
            np.delete(self.distances, index, axis=0), np.delete(self.penalties, index, axis=0)
        )

    @classmethod
    def stacked(cls, one: "_Table", other: "_Table") -> "_Table":
        return cls(
            np.concatenate([one.distances, other.distances]),
            np.concatenate([one.penalties, other.penalties]),
        )


def _distances(one: FloatArray, other: FloatArray) -> NDArray[np.floating]:
    """(A, B) Euclidean distances of embeddings (A, D) and (B, D)."""
    # Not `@`: from some 75 poses on BLAS would take a second core and keep it spinning, and half
    # a core of this machine's two went into that.
    products = np.einsum("ad,bd->ab", one, other)
    squares = np.sum(one * one, 1)[:, None] + np.sum(other * other, 1) - 2.0 * products
    return np.sqrt(np.maximum(squares, 0.0))


def _worth_it(cost: float, gain: float) -> float:
    """The cost below which a picture is worth its bytes."""
    return min((1.0 - gain) * cost, cost - LEAST_GAIN_PX)


def _cost(table: _Table) -> float:
    """Mean over the poses seen of what their nearest reference (as the receiver picks) costs."""
    nearest = table.distances.argmin(axis=0)
    distances = table.distances[nearest, np.arange(table.distances.shape[1])]
    return float(np.mean(distances + table.penalties[nearest]))
