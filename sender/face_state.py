"""What the sender tells about the face: tracked, lost, several, at the border, no camera."""

from sender.crop_policy import HeadBox
from shared.control_message import FaceState

DEBOUNCE_NS = {
    FaceState.TRACKED: 200_000_000,
    FaceState.LOST: 400_000_000,
    FaceState.SEVERAL: 1_000_000_000,
    FaceState.BORDER: 600_000_000,
    FaceState.CAMERA_FAILED: 0,
}
"""How long something must be seen without a break before it is told."""

_BORDER_SHARE = 0.14
"""Share of a face's height that the head box may be beyond the frame: its rim and a little skin."""


def observed_state(faces: tuple[HeadBox, ...], *, width: int, height: int) -> FaceState:
    """What one frame of `width` x `height` shows; the first face is the one that is followed."""
    if not faces:
        return FaceState.LOST
    if len(faces) > 1:
        return FaceState.SEVERAL
    face = faces[0]
    beyond = max(-face.left, face.right - width, face.bottom - height)
    cut = beyond > _BORDER_SHARE * face.face_height
    return FaceState.BORDER if cut else FaceState.TRACKED


class FaceStateTracker:
    """Debounces what single frames show, so that a missed frame tells nobody anything."""

    def __init__(self) -> None:
        self._state = FaceState.LOST
        self._pending: FaceState | None = None
        self._pending_since_ns = 0
        self._ever = False

    @property
    def state(self) -> FaceState:
        return self._state

    def update(self, observed: FaceState, time_ns: int) -> FaceState:
        """The state to tell, given what the frame of this time shows."""
        if observed is self._state:
            self._pending = None
            return self._state
        if observed is not self._pending:
            self._pending, self._pending_since_ns = observed, time_ns
        first = not self._ever and observed is not FaceState.LOST
        if first or time_ns - self._pending_since_ns >= DEBOUNCE_NS[observed]:
            self._state, self._pending = observed, None
            self._ever = True
        return self._state
