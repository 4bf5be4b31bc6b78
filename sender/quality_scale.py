"""Whether a picture is good enough to be a reference, judged against what is usual in the call."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from sender.frame_quality import FrameQuality

ACCEPTABLE_PENALTY_PX = 2.5


@dataclass(frozen=True, slots=True)
class _Normal:
    """What is usual for this person, camera and light."""

    sharpness: float
    eye_openness: float
    skin_outliers: float


_UNKNOWN = _Normal(sharpness=0.15, eye_openness=0.2, skin_outliers=0.2)
"""Before anything is known only what is surely blurred, shut or hidden counts as bad."""


class QualityScale:
    """Judges quality against what is usual in this call. Outlives the sets."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float, float]] = deque(maxlen=100)

    def note(self, quality: FrameQuality) -> None:
        self._seen.append((quality.sharpness, quality.eye_openness, quality.skin_outliers))

    def acceptable(self, quality: FrameQuality) -> bool:
        """Whether this can be a picture that the other side sees."""
        return (
            quality.face_score >= 0.5
            and quality.turn < 0.8
            and quality.margin > 0.01
            and self.penalty(quality) < ACCEPTABLE_PENALTY_PX
        )

    def penalty(self, quality: FrameQuality) -> float:
        """Cost in pixels of `pose_expression_distance` of showing frames from this picture; >= 0.

        A picture with open eyes, sharp and unhidden, costs nothing.
        """
        normal = self._normal()
        blur = max(0.0, 0.85 - quality.sharpness / normal.sharpness)
        shut = max(0.0, 0.75 - quality.eye_openness / normal.eye_openness)
        hidden = max(0.0, quality.skin_outliers - normal.skin_outliers - 0.1)
        moving = max(0.0, quality.motion - 0.3)
        cut = max(0.0, -quality.margin)
        doubt = max(0.0, 0.9 - quality.face_score)
        return 6.0 * blur + 6.0 * shut + 20.0 * hidden + 2.0 * moving + 20.0 * cut + 5.0 * doubt

    def _normal(self) -> _Normal:
        if len(self._seen) < 5:
            return _UNKNOWN
        seen = np.array(self._seen)
        sharpness, openness = np.percentile(seen[:, :2], 70, axis=0)
        return _Normal(
            sharpness=max(float(sharpness), 1e-3),
            eye_openness=max(float(openness), 0.12),
            skin_outliers=float(np.percentile(seen[:, 2], 30)),
        )
