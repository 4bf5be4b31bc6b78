import numpy as np
import pytest

from receiver.concealment import Concealment, ConcealmentSettings
from receiver.parameter_track import ParameterTrack, SampleKind, TrackFrame

PERIOD = 3600


def moving(time: int, *, set_id: int = 0, hold: bool = False) -> TrackFrame:
    """A head that goes right by 0.01 a frame and turns by 0.02; expression at rest."""
    vector = np.zeros(35)
    vector[32] = 0.01 * time / PERIOD
    vector[30] = 0.02 * time / PERIOD
    return TrackFrame(time=time, set_id=set_id, vector=vector, hold=hold)


def play(track: ParameterTrack, concealment: Concealment, frames: range) -> list[float]:
    """Where the head is at each tick."""
    places = []
    for frame in frames:
        shown = concealment.show(track, frame * PERIOD)
        assert shown is not None
        places.append(float(shown.parameters.translation[0]))
    return places


def test_exact_frames_are_shown_exactly() -> None:
    track, concealment = ParameterTrack(), Concealment()
    assert concealment.show(track, 0) is None
    for frame in range(5):
        track.insert(moving(frame * PERIOD))
    assert play(track, concealment, range(5)) == pytest.approx([0, 0.01, 0.02, 0.03, 0.04])


def test_a_movement_goes_on_without_frames_and_dies_away() -> None:
    track, concealment = ParameterTrack(), Concealment()
    for frame in range(5):
        track.insert(moving(frame * PERIOD))
    steps = np.diff(play(track, concealment, range(12)))
    assert (steps[4:] > 0).all()
    assert (np.diff(steps[4:]) < 0).all()
    tau_frames = ConcealmentSettings().camera_damping_ms / 40
    assert sum(steps[4:]) < 0.01 * tau_frames


def test_the_way_back_has_bounded_acceleration() -> None:
    track, concealment = ParameterTrack(), Concealment()
    for frame in range(5):
        track.insert(moving(frame * PERIOD))
    places = play(track, concealment, range(10))
    gap = 0.09 - places[-1]
    for frame in range(10, 30):
        track.insert(moving(frame * PERIOD))
        places += play(track, concealment, range(frame, frame + 1))
    accelerations = np.abs(np.diff(places, 2))
    assert accelerations.max() < 0.75 * gap + 0.01  # all of it at once would be a snap
    assert places[18] == pytest.approx(0.18, abs=0.002)
    assert places[-1] == pytest.approx(0.29, abs=1e-5)


def test_long_unannounced_loss_eases_to_the_resting_face() -> None:
    track, concealment = ParameterTrack(), Concealment()
    smile = np.zeros(35)
    smile[0] = 2.0
    for frame in range(100):
        vector = np.zeros(35) if frame < 98 else smile
        track.insert(TrackFrame(time=frame * PERIOD, set_id=0, vector=vector))
        concealment.show(track, frame * PERIOD)
    shown = [concealment.show(track, frame * PERIOD) for frame in range(100, 140)]
    smiles = [float(face.parameters.expression[0]) for face in shown if face is not None]
    assert 1.9 < smiles[6] <= 3.0  # 280 ms; carried on by one at most
    assert abs(smiles[-1]) < 0.1
    assert (np.abs(np.diff(smiles[7:])) < 0.2).all()


def test_an_announced_pause_holds_without_limit_and_ends_smoothly() -> None:
    track, concealment = ParameterTrack(), Concealment()
    for frame in range(5):
        track.insert(moving(frame * PERIOD, hold=frame == 4))
    places = play(track, concealment, range(4000))
    assert places[4:] == pytest.approx([0.04] * 3996)
    track.insert(moving(4000 * PERIOD))
    after = play(track, concealment, range(4000, 4007))
    assert after[0] < 0.6 * 40
    assert after[-1] == pytest.approx(40, abs=1)
    assert (np.diff(after) > -1e-6).all()


def test_another_set_is_shown_at_once() -> None:
    track, concealment = ParameterTrack(), Concealment()
    for frame in range(5):
        track.insert(moving(frame * PERIOD))
    play(track, concealment, range(8))
    track.insert(moving(50 * PERIOD, set_id=1))
    shown = concealment.show(track, 50 * PERIOD)
    assert shown is not None
    assert (shown.set_id, shown.kind) == (1, SampleKind.EXACT)
    assert shown.parameters.translation[0] == pytest.approx(0.5)


def test_what_is_shown_stays_in_the_bounds_of_the_fit() -> None:
    track, concealment = ParameterTrack(), Concealment()
    for frame in range(3):
        vector = np.full(35, 3.0 * frame)
        track.insert(TrackFrame(time=frame * PERIOD, set_id=0, vector=vector))
    for frame in range(20):
        shown = concealment.show(track, frame * PERIOD)
        assert shown is not None
        assert np.abs(shown.parameters.expression).max() <= 4
        assert np.linalg.norm(shown.parameters.rotation) <= np.pi + 1e-6
