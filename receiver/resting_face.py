"""The face that a party comes back to, learned from what it shows."""

from receiver.interpolation import ROTATION, Vector, nearest_rotation

_WEIGHT = 0.01
"""Of a frame in the running mean: 4 s at 25 fps."""


class RestingFace:
    """A running mean of frames."""

    def __init__(self) -> None:
        self._mean: Vector | None = None

    def learn(self, vector: Vector) -> None:
        """A frame (35,) that was shown."""
        if self._mean is None:
            self._mean = vector.copy()
        self._mean[ROTATION] = nearest_rotation(self._mean[ROTATION], vector[ROTATION])
        self._mean += (vector - self._mean) * _WEIGHT

    def eased(self, vector: Vector, progress: float) -> Vector:
        """A face on its way to rest: itself at progress 0 or below, the resting face from 1 on.

        Itself as well before any frame was learned.
        """
        if self._mean is None or progress <= 0:
            return vector
        step = min(progress, 1.0)
        rest = self._mean.copy()
        rest[ROTATION] = nearest_rotation(rest[ROTATION], vector[ROTATION])
        eased: Vector = vector + (rest - vector) * (step * step * (3.0 - 2.0 * step))
        return eased
