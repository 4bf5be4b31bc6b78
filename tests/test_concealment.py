from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from receiver.concealment import Concealment, ConcealmentSettings, motion_px
from receiver.parameter_track import ParameterTrack, SampleKind, TrackFrame
from shared.face_model import FaceModel

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
    vector = moving(34 * PERIOD).vector  # 38 px further
    track.insert(TrackFrame(time=4000 * PERIOD, set_id=0, vector=vector, hold=True))
    after = play(track, concealment, range(4000, 4020))
    assert after[0] <= 0.04 + 3.2 / 128
    assert after[-1] == pytest.approx(0.34, abs=0.01)
    assert (np.diff(after) > -1e-6).all()


BOUND_PX = ConcealmentSettings().max_acceleration_px_s2 / 25**2
WEIGHTS_PX = motion_px(FaceModel.load())


def swing(seed: int) -> Callable[[int], TrackFrame]:
    """A face that turns, nods and speaks; never near the bounds of the fit."""
    rng = np.random.default_rng(seed)
    speeds, phases = rng.uniform(0.5, 9, 35), rng.uniform(0, 6, 35)
    sizes = np.array([1.0] * 28 + [0.1, 0.2, 0.5, 0.1, 0.2, 0.1, 0.0])

    def frame(index: int) -> TrackFrame:
        vector = sizes * np.sin(index / 25 * speeds + phases)
        return TrackFrame(time=index * PERIOD, set_id=0, vector=vector)

    return frame


def bend_px(vectors: Sequence[NDArray[np.float64]]) -> float:
    """By how much the last of three ticks lies off the line through the first two.

    Of head or expression, whichever does more.
    """
    first, second, third = vectors
    bend = (third - 2 * second + first) * WEIGHTS_PX
    return float(max(np.linalg.norm(bend[:28]), np.linalg.norm(bend[28:])))


@given(
    seed=st.integers(0, 1000),
    per_message=st.integers(1, 3),
    fates=st.lists(st.sampled_from([0, 0, 0, 1, 2, 9, -1]), min_size=4, max_size=30),
    outage=st.integers(0, 60),
)
@settings(max_examples=30, deadline=None)
def test_no_loss_makes_a_snap(seed: int, per_message: int, fates: list[int], outage: int) -> None:
    """Messages come so many ticks late, or never (-1); in the middle an outage, then all is well.

    What concealment adds to the known path's acceleration keeps to the bound at every tick, and
    so does the whole acceleration while frames are missing.
    """
    frame, track, concealment = swing(seed), ParameterTrack(), Concealment()
    fates = [0, 0] + fates + [-1] * (outage // per_message) + fates + [0] * 40
    arrivals: dict[int, list[int]] = {}
    for message, late in enumerate(fates):
        last = (message + 1) * per_message - 1
        if late >= 0:
            arrivals.setdefault(last + late, []).append(message)
    vectors: list[NDArray[np.float64]] = []
    count = len(fates) * per_message
    for now in range(count):
        for message in arrivals.get(now, []):
            for index in range(message * per_message, (message + 1) * per_message):
                track.insert(frame(index))
        time = (now - per_message + 1) * PERIOD
        shown = concealment.show(track, time)
        if shown is None:
            continue
        vectors.append(concealment._shown[0][1])  # before the cut to the bounds of the fit
        if len(vectors) < 3:
            continue
        known = [concealment._path(track, time - back * PERIOD) for back in (2, 1, 0)]
        if shown.kind is SampleKind.STALE:
            assert bend_px(vectors[-3:]) <= BOUND_PX * (1 + 1e-9)
        elif all(path is not None for path in known):
            paths = [path for path in known if path is not None]
            errors = [one - path for one, path in zip(vectors[-3:], paths, strict=True)]
            assert bend_px(errors) <= BOUND_PX * (1 + 1e-9)
    exact = frame(count - per_message).vector
    assert np.linalg.norm((vectors[-1] - exact) * WEIGHTS_PX) < 0.5


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
