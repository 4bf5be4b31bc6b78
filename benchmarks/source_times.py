"""When each frame of the film of steps was before the camera. Pure.

A browser's page reads the frames' numbers and its own clock. Of a sender process the recording
holds each crop with its capture time: which frame of the film that was is found by the signals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.step_film import FPS, ROUND_FRAMES
from shared.errors import ArtifactError

_PERIOD_NS = 1_000_000_000 // FPS


@dataclass(frozen=True, slots=True, eq=False)
class SourceTimes:
    """Times of frames, which count on from round to round."""

    frames: NDArray[np.int64]
    """(N,) rising; frame f of the film is shown when f modulo ROUND_FRAMES is."""

    times_ns: NDArray[np.int64]
    """(N,) monotonic, rising."""

    @classmethod
    def from_numbers(cls, seen: Sequence[tuple[int, int]]) -> Self:
        """From (monotonic ns, number of the frame), oldest first; a number seen twice in a row
        counts once. Raises ArtifactError for fewer than two."""
        frames: list[int] = []
        times: list[int] = []
        for time_ns, number in seen:
            ahead = number if not frames else (number - frames[-1]) % ROUND_FRAMES
            if frames and (ahead == 0 or time_ns <= times[-1]):
                continue
            frames.append(ahead + (frames[-1] if frames else 0))
            times.append(time_ns)
        if len(frames) < 2:
            raise ArtifactError(f"{len(frames)} frames of the film were seen, 2 or more expected")
        return cls(np.array(frames, np.int64), np.array(times, np.int64))

    @classmethod
    def from_signals(
        cls,
        times_ns: NDArray[np.int64],
        values: NDArray[np.floating],
        film: NDArray[np.floating],
    ) -> Self:
        """From what a recording shows: `values` (N, M) at capture times (N,), NaN without a face,
        which fall on the film's own rhythm; `film` (ROUND_FRAMES, M) are the film's.

        Raises ArtifactError for fewer than two pictures with a face.
        """
        known = np.isfinite(values).all(axis=1)
        times, levels = times_ns[known], values[known]
        if len(times) < 2:
            raise ArtifactError(f"{len(times)} faces in the recording, 2 or more expected")
        film = (film - film.mean(axis=0)) / film.std(axis=0)
        levels = (levels - levels.mean(axis=0)) / np.maximum(levels.std(axis=0), 1e-9)
        steps = np.rint((times - times[0]) / _PERIOD_NS).astype(np.int64)
        errors = [
            float(np.square(film[(steps + first) % ROUND_FRAMES] - levels).sum())
            for first in range(ROUND_FRAMES)
        ]
        return cls(steps + int(np.argmin(errors)), times)

    def time_ns(self, frame: float) -> float:
        """When a frame, or a moment between two, was shown; between those that were seen.

        Before the first and after the last one the film's own rhythm goes on.
        """
        beyond = min(frame - self.frames[0], 0.0) + max(frame - self.frames[-1], 0.0)
        return float(np.interp(frame, self.frames, self.times_ns)) + beyond * _PERIOD_NS

    def passages(self, frame: float) -> list[float]:
        """Each time at which this frame of the round came by, oldest first; those of whole rounds
        that were not all seen among them."""
        first, last = (int(self.frames[end]) // ROUND_FRAMES for end in (0, -1))
        return [self.time_ns(frame + number * ROUND_FRAMES) for number in range(first, last + 1)]
