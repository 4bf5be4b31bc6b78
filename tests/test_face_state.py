"""What the other side is told about the face, and that single frames do not make it flicker."""

from sender.crop_policy import HeadBox
from sender.face_state import FaceStateTracker, observed_state
from shared.control_message import FaceState

FRAME_NS = 40_000_000


def box(left: float = 100, top: float = 100) -> HeadBox:
    return HeadBox(left=left, top=top, right=left + 100, bottom=top + 120, face_height=100)


def test_one_frame() -> None:
    assert observed_state((), width=640, height=480) is FaceState.LOST
    assert observed_state((box(),), width=640, height=480) is FaceState.TRACKED
    assert observed_state((box(), box(left=300)), width=640, height=480) is FaceState.SEVERAL
    assert observed_state((box(left=-40),), width=640, height=480) is FaceState.BORDER
    assert observed_state((box(left=570),), width=640, height=480) is FaceState.BORDER
    # Hair above the picture is no news.
    assert observed_state((box(top=-20),), width=640, height=480) is FaceState.TRACKED


def run(states: list[FaceState]) -> list[FaceState]:
    tracker = FaceStateTracker()
    return [tracker.update(state, index * FRAME_NS) for index, state in enumerate(states)]


def test_the_first_face_is_told_at_once() -> None:
    assert run([FaceState.LOST, FaceState.TRACKED]) == [FaceState.LOST, FaceState.TRACKED]


def test_a_missed_frame_is_not_told_and_a_loss_is() -> None:
    told = run([FaceState.TRACKED] * 3 + [FaceState.LOST] * 5 + [FaceState.TRACKED] * 3)
    assert set(told) == {FaceState.TRACKED}
    told = run([FaceState.TRACKED] * 3 + [FaceState.LOST] * 12)
    assert told[-1] is FaceState.LOST


def test_recovery_is_told() -> None:
    told = run([FaceState.TRACKED] + [FaceState.LOST] * 12 + [FaceState.TRACKED] * 7)
    assert told[12] is FaceState.LOST
    assert told[-1] is FaceState.TRACKED


def test_flicker_between_two_states_tells_neither() -> None:
    told = run([FaceState.TRACKED] + [FaceState.SEVERAL, FaceState.BORDER] * 30)
    assert set(told) == {FaceState.TRACKED}
