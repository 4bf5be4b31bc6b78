"""Freezes, and where a recorded face is between its frames."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.link_model import LinkConditions, LinkCount
from benchmarks.wire_lane import CallPlan, MeasuredCall
from benchmarks.wire_log import SentCall, ShownCall
from benchmarks.wire_samples import DrivenFace, at_times, frozen_ticks, take_samples
from benchmarks.wire_scores import score
from receiver.parameter_track import SampleKind
from sender.parameter_transport import TransportChoice
from shared.face_model import FaceModel
from tests.wire_recording import nodding_track

_PERIOD_MS = 40.0


def _points(places: list[float]) -> NDArray[np.float32]:
    """Three vertices that are at one place in each frame, in pixels."""
    return np.repeat(np.array(places, np.float32)[:, None, None], 3, axis=1).repeat(2, axis=2)


def _frozen(shown: list[float], driven: list[float], times: list[float] | None = None) -> list[int]:
    ticks = np.array(times or [_PERIOD_MS * i for i in range(len(shown))])
    found = frozen_ticks(ticks, _points(shown), _points(driven), _PERIOD_MS)
    return np.flatnonzero(found).tolist()


def test_a_face_that_moves_or_rests_with_its_driver_is_not_frozen() -> None:
    moving = [float(i) for i in range(20)]
    assert _frozen(moving, moving) == []
    assert _frozen([0.0] * 20, [0.0] * 20) == []
    # Rests for long, then leaps: both in the same tick.
    assert _frozen([0.0] * 10 + [9.0] * 10, [0.0] * 10 + [9.0] * 10) == []


def test_a_face_that_stands_while_its_driver_moves_is_frozen() -> None:
    driven = [float(i) for i in range(12)]
    # Four ticks last 160 ms, three 120.
    assert _frozen([0, 1, 2, 2, 2, 2, 6, 7, 8, 9, 10, 11], driven) == [2, 3, 4, 5]
    assert _frozen([0, 1, 2, 2, 2, 5, 6, 7, 8, 9, 10, 11], driven) == []
    # Creeping by less than 0.2 px is standing.
    assert _frozen([0, 1, 2, 2.04, 2.08, 2.11, 6, 7, 8, 9, 10, 11], driven) == [2, 3, 4, 5]
    # A driver that stays within a pixel has not left.
    assert _frozen([0.0] * 12, [0.05 * i for i in range(12)]) == []


def test_ticks_that_never_came_are_a_freeze() -> None:
    times = [0.0, 40, 80, 320, 360]
    assert _frozen([0, 1, 2, 8, 9], [0, 1, 2, 8, 9], times) == [2, 3, 4, 5, 6, 7]


def test_a_recording_is_known_between_its_frames() -> None:
    points = _points([0.0, 10.0, np.nan])
    frames = np.array([[0, 0], [40, 1], [80, 2], [120, 1]])
    found = at_times(points, frames, np.array([0, 10, 40, 60, 120]))[:, 0, 0]
    np.testing.assert_allclose(found, [0, 2.5, 10, np.nan, 10])


def test_a_call_is_scored() -> None:
    """A call of four seconds in which every second message is lost, half of what it held comes
    with the next, and ticks come 70 ms late."""
    track, model = nodding_track(), FaceModel.load()
    face = DrivenFace.of(track, model)
    period, tick = 40_000_000, 3600
    frames = np.array([[i * period, track.index_at(i), i * period] for i in range(100)])
    capture = np.arange(100) * tick
    sent = SentCall(
        ticks_at_zero=0,
        frames=frames,
        messages=np.array([[i * period, 20] for i in range(100)]),
        coded=np.stack([frames[:, 0], capture], axis=1),
        rides=np.array([[i * period, 6] for i in range(100)]),
    )
    late_ns = 70_000_000
    came = [[i * period + 45_000_000, i * tick, 0] for i in range(0, 100, 2)]
    came += [[(i + 1) * period + 45_000_000, i * tick, 1] for i in range(1, 100, 4)]
    shown = ShownCall(
        arrivals=np.array(sorted(came)),
        ticks=np.stack([frames[:, 0] + late_ns, capture, np.zeros(100, np.int64)], axis=1),
        vectors=track.vectors[frames[:, 1]],
    )
    plan = CallPlan(
        track=Path("nod"),
        sound=None,
        transport=TransportChoice.DATA_CHANNEL,
        frames_per_message=1,
        conditions=LinkConditions(delay_ms=30),
        seed=1,
        settle_seconds=0.0,
        seconds=4.0,
    )
    call = MeasuredCall(
        plan, sent, shown, start_ns=0, end_ns=4_000_000_000,
        forward=LinkCount(packets=100, lost=50, data_bytes=10_000, audio_bytes=20_000),
        reverse=LinkCount(packets=40, data_bytes=2_000, connection_bytes=500),
    )  # fmt: skip
    scores = score([take_samples(call, face)] * 2)
    assert (scores.calls, scores.seconds) == (2, 8.0)
    assert scores.forward_bps == 8 * (10_000 + 600) / 4
    assert scores.in_band_bps == 8 * 600 / 4
    assert scores.audio_forward_bps == 8 * (20_000 - 600) / 4
    assert scores.back_bps == 8 * 2_500 / 4
    assert scores.payload_bps == 8 * 2_000 / 4
    assert scores.messages_per_second == 25
    assert (scores.lost, scores.delivered) == (0.5, 0.75)
    assert (scores.arrival_ms.p99, scores.shown_ms.p99) == (15.0, 40.0)
    assert scores.frozen == 0
    assert scores.error_px < 1e-3
    assert scores.exact == 1.0
    assert scores.machine_late_ms.p99 == 0
    assert SampleKind.EXACT is shown.kinds()[0]
