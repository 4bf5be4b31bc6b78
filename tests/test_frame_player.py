"""Whole minutes of loss, played in moments: what is shown, when, and whether it stands still."""

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.agreement import TimedFace, freeze_share
from receiver.frame_player import FramePlayer, TickCounts
from shared.clock import TICKS_MODULUS
from shared.codec import FaceDecoder, FaceEncoder
from shared.face_model import FaceModel
from shared.fitting import FaceFitter
from shared.parameters import CROP_SIZE, Crop, FaceParameters, FloatArray
from shared.receiver_report import ReceiverReport
from shared.smoothing import LandmarkSmoother
from shared.tracker import FaceTracker
from tests.material import clip_frames, faces_test_clip

PERIOD_NS = 40_000_000
PERIOD_TICKS = 3600
START_TICKS = TICKS_MODULUS - 300_000
"""The clock wraps early in every run."""

TRACKING_MS = 20
Loss = Iterator[bool]


def independent(share: float, seed: int) -> Loss:
    rng = random.Random(seed)
    while True:
        yield rng.random() < share


def gilbert(share: float, mean_burst: float, seed: int) -> Loss:
    """Losses in bursts: the Gilbert model."""
    rng = random.Random(seed)
    lost = False
    while True:
        leave = 1 / mean_burst if lost else share / (1 - share) / mean_burst
        lost = lost != (rng.random() < leave)
        yield lost


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What came of a run."""

    shown: list[TimedFace]
    driven: list[TimedFace]
    latencies_ms: list[float]
    delay_ms: float
    counts: TickCounts


def play(
    vectors: NDArray[np.float32],
    neutral: FloatArray,
    *,
    loss: Loss,
    per_message: int = 2,
    jitter_ms: float = 3.0,
) -> Played:
    """Encode, lose, decode and play a trace of parameters (N, 35) at 25 fps."""
    rng = random.Random(5)
    encoder, decoder, player = FaceEncoder(first_sequence=65_500), FaceDecoder(), FramePlayer()
    frames = [
        FaceParameters.from_vector(
            vector, capture_time=(START_TICKS + index * PERIOD_TICKS) % TICKS_MODULUS
        )
        for index, vector in enumerate(vectors)
    ]
    points = [_points(neutral, frame) for frame in frames]
    sent: dict[int, FaceParameters] = {}
    shown, driven, latencies_ms = [], [], []
    now_ns = 0
    for first in range(0, len(frames) - per_message + 1, per_message):
        group = frames[first : first + per_message]
        arrival_ns = (first + per_message - 1) * PERIOD_NS
        arrival_ns += int((TRACKING_MS + rng.expovariate(1) * jitter_ms) * 1e6)
        while (due_ns := player.next_due_ns(now_ns)) is not None and due_ns <= arrival_ns:
            now_ns = max(now_ns, due_ns)
            tick = player.tick(now_ns)
            if tick is None:
                continue
            player.playout.begin(now_ns)
            time, face = tick
            place = (time - START_TICKS) / PERIOD_TICKS
            before = int(place)
            weight = np.float32(place - before)
            moment_ns = int(place * PERIOD_NS)
            truth = points[before] * (1 - weight) + points[before + 1] * weight
            shown.append(TimedFace(moment_ns, _points(neutral, face.parameters)))
            driven.append(TimedFace(moment_ns, truth))
            latencies_ms.append((now_ns - moment_ns) / 1e6)
        now_ns = max(now_ns, arrival_ns)
        message = encoder.encode(group, set_id=3)
        sent.update((frame.capture_time, frame) for frame in encoder.reconstructed)
        if next(loss):
            continue
        decoded = decoder.decode(message)
        for frame in decoded.frames:  # bit for bit what was sent: never from a wrong base
            assert (frame.vector == sent[frame.capture_time].vector).all()
        assert player.receive(decoded, arrival_ns)
        held = decoder.held()
        if held is not None and not next(loss):
            encoder.acknowledge(ReceiverReport(*held, delay_ms=0, transit_ms=0))
    return Played(shown, driven, latencies_ms, player.playout.delay_ms, player.counts)


def _points(neutral: FloatArray, parameters: FaceParameters) -> FloatArray:
    vertices = FaceModel.load().vertices(neutral, parameters)[:, :2]
    return ((vertices + 1) * CROP_SIZE / 2).astype(np.float32)


def swinging_head(count: int) -> NDArray[np.float32]:
    """A head that is never still: turns, nods and speaks."""
    time = np.arange(count)[:, None] * 0.04
    rng = np.random.default_rng(2)
    speeds, phases = rng.uniform(1, 6, (1, 35)), rng.uniform(0, 6, (1, 35))
    sizes = np.full((1, 35), 0.8)
    sizes[0, 28:] = [0.03, 0.1, 0.2, 0.05, 0.08, 0.05, 0.0]
    vectors = sizes * np.sin(time * speeds + phases)
    vectors[:, 28] += np.log(0.35)
    return vectors.astype(np.float32)


def mean_neutral() -> FloatArray:
    return FaceModel.load().mean


@pytest.mark.parametrize(("per_message", "latency_ms"), [(1, 45), (2, 90), (3, 130)])
def test_without_loss_every_tick_is_an_exact_frame(per_message: int, latency_ms: float) -> None:
    played = play(
        swinging_head(500), mean_neutral(), loss=itertools.repeat(False), per_message=per_message
    )
    assert played.counts.exact >= played.counts.total - 4
    assert played.counts.total > 480
    assert np.percentile(played.latencies_ms[25:], 95) < latency_ms


@pytest.mark.parametrize(
    ("loss", "share"),
    [
        (lambda seed: independent(0.3, seed), 0.03),
        (lambda seed: gilbert(0.3, 2.0, seed), 0.06),
        (lambda seed: itertools.cycle([False, True, False, False, True, True]), 0.03),
    ],
    ids=["independent", "gilbert", "cyclic"],
)
def test_a_third_lost_neither_freezes_nor_delays(loss: Callable[[int], Loss], share: float) -> None:
    for seed in (1, 2):
        played = play(swinging_head(500), mean_neutral(), loss=loss(seed))
        assert freeze_share(played.shown, played.driven) <= share
        assert np.percentile(played.latencies_ms[25:], 95) < 95
        assert played.delay_ms < 75
        changes = _p99(np.diff([face.points for face in played.shown], 2, axis=0))
        speeds = _p99(np.diff([face.points for face in played.driven], 1, axis=0))
        assert changes < 2.5 * speeds  # no snap: little more than from full speed to the opposite


def test_single_frames_lost_often_are_waited_for_and_interpolated() -> None:
    vectors, neutral = swinging_head(750), mean_neutral()
    lossless = play(vectors, neutral, loss=itertools.repeat(False), per_message=1)
    played = play(vectors, neutral, loss=independent(0.3, 1), per_message=1)
    assert lossless.delay_ms + 30 < played.delay_ms < lossless.delay_ms + 50
    assert np.percentile(played.latencies_ms, 95) < 90
    # Of the lost 30 %, those with both neighbours: 0.7 of them, beside what the start concealed.
    assert played.counts.interpolated > 1.5 * played.counts.concealed


def test_a_pause_kept_alive_by_single_frames_keeps_the_delay() -> None:
    vectors = swinging_head(600)
    encoder, decoder, player = FaceEncoder(), FaceDecoder(), FramePlayer()

    def send(first: int, count: int, *, hold: bool = False) -> None:
        group = [
            FaceParameters.from_vector(vectors[first + i], capture_time=(first + i) * PERIOD_TICKS)
            for i in range(count)
        ]
        message = decoder.decode(encoder.encode(group, set_id=0, hold=hold))
        arrival_ns = (first + count - 1) * PERIOD_NS + TRACKING_MS * 1_000_000
        assert player.receive(message, arrival_ns)

    for first in range(0, 100, 2):
        send(first, 2)
    player.playout.begin(0)
    before_ms = player.playout.delay_ms
    for first in range(100, 500, 25):
        send(first, 1, hold=True)
    assert player.playout.delay_ms == pytest.approx(before_ms)
    assert player.playout.period_ticks == PERIOD_TICKS


def _p99(motions: NDArray[np.float32]) -> float:
    return float(np.percentile(np.linalg.norm(motions, axis=2).mean(axis=1), 99))


def test_real_faces_do_not_freeze() -> None:
    """At 30 % independent loss; two people who move and speak."""
    for name in ("lp_d9_1", "vv_interview_r_1"):
        neutral, vectors = _tracked(name)
        played = play(vectors, neutral, loss=independent(0.3, 1))
        assert freeze_share(played.shown, played.driven) <= 0.03
        errors = [
            float(np.linalg.norm(shown.points - driven.points, axis=1).mean())
            for shown, driven in zip(played.shown, played.driven, strict=True)
        ]
        assert np.mean(errors) < 3.5


def _tracked(name: str) -> tuple[FloatArray, NDArray[np.float32]]:
    """The neutral shape and the parameters (N, 35) of a clip, as a sender finds them."""
    model = FaceModel.load()
    tracker, smoother, fitter = FaceTracker(), LandmarkSmoother(), FaceFitter(model)
    crop = Crop(x=0, y=0, size=CROP_SIZE)
    neutral: FloatArray | None = None
    previous: FaceParameters | None = None
    vectors = []
    for index, image in enumerate(clip_frames(faces_test_clip(name), 250)):
        landmarks = tracker.track(image)[0]
        smooth = smoother.update(landmarks.points, index * PERIOD_NS)
        points = crop.to_image(smooth).astype(np.float32)
        if neutral is None:
            neutral = model.neutral(fitter.fit_reference(points, capture_time=0)[0])
        previous = fitter.fit(points, neutral, capture_time=0, previous=previous)
        vectors.append(previous.vector)
    assert neutral is not None
    return neutral, np.array(vectors)
