"""The film of steps as the tracker sees it: what is looked for at the player."""

from collections.abc import Sequence

import numpy as np

from benchmarks.step_film import ROUND_FRAMES, Movement
from benchmarks.step_latency import film_steps
from benchmarks.step_signal import signal
from shared.errors import ArtifactError
from shared.parameters import FloatArray, Image
from shared.tracker import FaceTracker


class TrackedFilm:
    """One round of it."""

    def __init__(self, images: Sequence[Image]) -> None:
        """Of ROUND_FRAMES pictures. Raises ArtifactError where a face or a step is not found."""
        tracker = FaceTracker(max_faces=1)
        points = [landmarks(tracker, image) for image in images]
        self.points: list[FloatArray] = [one for one in points if one is not None]
        """(478, 3) of each frame."""
        if len(self.points) < ROUND_FRAMES:
            raise ArtifactError("the portrait has no face in some frame of the film of steps")
        self.signals = np.stack([signal(one) for one in self.points])
        """(ROUND_FRAMES, 2)."""
        self.steps = film_steps(self.signals)


def landmarks(tracker: FaceTracker, image: Image) -> FloatArray | None:
    """(478, 3) of the main face; None without one."""
    faces = tracker.track(image)
    return faces[0].points if faces else None


def signal_or_nan(points: FloatArray | None) -> FloatArray:
    """(2,) by `Movement`; NaN without a face."""
    return np.full(len(Movement), np.nan, np.float32) if points is None else signal(points)
