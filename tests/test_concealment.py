from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from receiver.concealment import Concealment, ConcealmentSettings, _Tick
from receiver.face_motion import EXPRESSION, HEAD, MAX_SPEED_PX_S, MOTION_PX, size_px
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
    vector = moving(34 * PERIOD).vector  # 38 px further
    track.insert(TrackFrame(time=4000 * PERIOD, set_id=0, vector=vector, hold=True))
    after = play(track, concealment, range(4000, 4020))
    assert after[0] <= 0.04 + 3.2 / 128
    assert after[-1] == pytest.approx(0.34, abs=0.01)
    assert (np.diff(after) > -1e-6).all()


BOUND_PX = ConcealmentSettings().max_acceleration_px_s2 / 25**2


def swing(seed: int) -> Callable[[int], TrackFrame]:
    """A face that turns, nods and speaks, up to the speed of what counts as a cut."""
    rng = np.random.default_rng(seed)
    speeds, phases = rng.uniform(0.5, 9, 35), rng.uniform(0, 6, 35)
    sizes = np.array([1.0] * 28 + [0.1, 0.2, 0.5, 0.1, 0.2, 0.1, 0.0])
    for group in (EXPRESSION, HEAD):
        sizes[group] *= min(1.0, MAX_SPEED_PX_S / size_px(sizes * speeds, group))

    def frame(index: int) -> TrackFrame:
        vector = sizes * np.sin(index / 25 * speeds + phases)
        return TrackFrame(time=index * PERIOD, set_id=0, vector=vector)

    return frame


def bend_px(vectors: Sequence[NDArray[np.float64]]) -> float:
    """By how much the last of three ticks lies off the line through the first two.

    Of head or expression, whichever does more.
    """
    first, second, third = vectors
    bend = third - 2 * second + first
    return max(size_px(bend, EXPRESSION), size_px(bend, HEAD))


@given(
    seed=st.integers(0, 1000),
    per_message=st.integers(1, 3),
    fates=st.lists(st.sampled_from([0, 0, 0, 1, 2, 9, -1]), min_size=4, max_size=30),
    outage=st.integers(0, 60),
)
@settings(max_examples=30, deadline=None)
def test_no_loss_makes_a_snap(seed: int, per_message: int, fates: list[int], outage: int) -> None:
    """Messages come so many ticks late, or never (-1); in the middle an outage, then all is well.

    Beyond the acceleration that the face itself has, what is shown keeps to the bound at every
    tick, and while frames are missing altogether.
    """
    frame, track, concealment = swing(seed), ParameterTrack(), Concealment()
    fates = [0, 0] + fates + [-1] * (outage // per_message) + fates + [0] * 40
    arrivals: dict[int, list[int]] = {}
    for message, late in enumerate(fates):
        last = (message + 1) * per_message - 1
        if late >= 0:
            arrivals.setdefault(last + late, []).append(message)
    ticks: list[_Tick] = []
    count = len(fates) * per_message
    truth = [frame(index).vector for index in range(count)]
    quickest_px = max(bend_px(truth[index : index + 3]) for index in range(count - 2))
    for now in range(count):
        for message in arrivals.get(now, []):
            for index in range(message * per_message, (message + 1) * per_message):
                track.insert(frame(index))
        time = (now - per_message + 1) * PERIOD
        shown = concealment.show(track, time)
        if shown is None:
            continue
        ticks.append(concealment._shown[0])  # before the cut to the bounds of the fit
        if len(ticks) < 3:
            continue
        vectors = [tick.vector for tick in ticks[-3:]]
        own_px = 0.0 if shown.kind is SampleKind.STALE else quickest_px
        assert bend_px(vectors) <= (BOUND_PX + own_px) * (1 + 1e-9)
    exact = frame(count - per_message).vector
    assert np.linalg.norm((ticks[-1].vector - exact) * MOTION_PX) < 0.5


LARGEST_GAP = 10


def direction(seed: int) -> NDArray[np.float64]:
    """(35,) a change of head and lips of 1 px each."""
    change = np.random.default_rng(seed).normal(size=35) / np.maximum(MOTION_PX, 1)
    change[-1] = 0
    for group in (EXPRESSION, HEAD):
        change[group] /= size_px(change, group)
    return change


@given(
    seed=st.integers(0, 1000),
    lost=st.integers(1, LARGEST_GAP),
    jump_px=st.floats(0.1, 120),
    per_message=st.integers(1, 3),
    late=st.integers(0, LARGEST_GAP),
    delay=st.integers(0, 4),
)
@example(seed=0, lost=2, jump_px=25.5, per_message=2, late=0, delay=0)
@settings(max_examples=80, deadline=None)
def test_a_jump_in_a_gap_is_never_overshot(
    seed: int, lost: int, jump_px: float, per_message: int, late: int, delay: int
) -> None:
    """A face rests, is elsewhere after the lost frames, and rests there.

    The messages after the gap may come late, all at once, and up to `delay` ticks before they are
    shown. What is shown never goes back behind the first place, and beyond the second by 0.5 px and
    an eighth of the way at most, or what it takes to stop from the jump's mean speed.
    """
    jump = direction(seed) * jump_px
    stopping_px = (jump_px / (lost + 1)) ** 2 / (2 * BOUND_PX)
    track, concealment = ParameterTrack(), Concealment()
    shown_px = []
    first = 9 + lost
    arrivals: dict[int, list[int]] = {}
    for index in [*range(9), *range(first, 70)]:
        message_end = index - index % per_message + per_message - 1
        came = message_end if index < 9 else max(message_end, first + late)
        arrivals.setdefault(max(came - delay, 0), []).append(index)
    for now in range(60):
        for index in arrivals.get(now, []):
            vector = jump if index >= first else np.zeros(35)
            track.insert(TrackFrame(time=index * PERIOD, set_id=0, vector=vector))
        if concealment.show(track, (now - per_message + 1) * PERIOD) is not None:
            shown_px.append(concealment._shown[0].vector * MOTION_PX)
    for group in (EXPRESSION, HEAD):
        towards = jump[group] * MOTION_PX[group] / jump_px
        places = np.array([shown[group] @ towards for shown in shown_px])
        margin_px = 0.5 + max(jump_px / 8, stopping_px)
        assert places.min() > -0.1
        assert places.max() < jump_px + margin_px
        assert places[-1] == pytest.approx(jump_px, abs=0.1)
        aside = [
            np.linalg.norm(shown[group] - towards * (shown[group] @ towards)) for shown in shown_px
        ]
        assert max(aside) < margin_px


@pytest.mark.parametrize("known_ahead", [0, 1])
def test_a_cut_in_a_gap_is_shown_as_it_is(known_ahead: int) -> None:
    """Film that begins anew: the last frame before and the first after it were not seen."""
    track, concealment = ParameterTrack(), Concealment()
    places = []
    for now in range(-known_ahead, 40):
        index = now + known_ahead
        if index not in (20, 21):
            track.insert(TrackFrame(time=index * PERIOD, set_id=0, vector=cut_at(index, 20)))
        if now >= 0:
            places += play(track, concealment, range(now, now + 1))
    exact = [cut_at(index, 20)[32] for index in range(40)]
    assert places[:20] == pytest.approx(exact[:20], abs=1e-6)
    assert places[20:22] == pytest.approx([0.02 * 20, 0.02 * 21], abs=0.02)
    assert places[22:] == pytest.approx(exact[22:], abs=1e-6)


def test_a_cut_says_nothing_about_the_speed() -> None:
    """The first frame after it is known, the next ones are not: the face stays there."""
    track, concealment = ParameterTrack(), Concealment()
    for index in range(21):
        track.insert(TrackFrame(time=index * PERIOD, set_id=0, vector=cut_at(index, 20)))
    places = play(track, concealment, range(26))
    assert places[20:] == pytest.approx([float(cut_at(20, 20)[32])] * 6)


def cut_at(index: int, cut: int) -> NDArray[np.float64]:
    """A head that goes right by 2.6 px a frame, and at the cut is 64 px further up the way."""
    vector = np.zeros(35)
    vector[32] = 0.02 * index + (0.5 if index >= cut else 0.0)
    return vector


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
