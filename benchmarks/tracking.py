"""`python -m benchmarks tracking`: how well and how fast faces are tracked and fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from time import monotonic, perf_counter_ns
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.clip import Clip
from benchmarks.driving import TrackedClip, first_face
from benchmarks.json_file import check_writable
from benchmarks.mediapipe_comparison import Disagreement, compare, mediapipe_landmarks
from benchmarks.single_run import write_single_run
from shared.clock import ticks_from_ns
from shared.errors import ArtifactError
from shared.face_model import FaceModel, VertexGroup
from shared.fitting import FaceFitter
from shared.identity_message import identity_as_received
from shared.parameters import VERTEX_COUNT, Crop, FaceParameters, FloatArray, Image
from shared.smoothing import LandmarkSmoother
from shared.tracker import FaceTracker

_PIXELS = 256 / 2
"""Pixels at 256 x 256 of one image unit."""

_COPIES = 100
_NOISE_LEVELS = 2.0
_FRAME_NS = 40_000_000
_QUICK_CLIPS = 2


@dataclass(frozen=True, slots=True)
class TrackingScores:
    """Of one clip, or the mean over clips. Pixels are those of a 256 x 256 crop."""

    frames: int
    missed: int
    """Frames without a face."""

    error_px: float
    """Reprojection: mean distance of fitted vertices to their landmarks, all 478; identity from
    the first frame with a face, as it arrives at the receiver; all other frames."""

    lips_px: float
    lids_px: float
    irises_px: float

    sent_px: float
    """As `error_px`, with smoothing before the fit as the sender does: its lag counts."""

    jitter_px: float
    """RMS distance of vertices from their mean place over 100 copies of one still with pixel
    noise of sigma 2, tracked, smoothed and fitted as the sender does."""

    landmark_jitter_px: float
    """The same of the tracked landmarks alone."""

    track_ms: float
    """Median."""

    track_p95_ms: float

    fit_ms: float
    """Median."""

    fit_p95_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class _Track:
    """What the tracker saw in a clip."""

    clip: TrackedClip
    """Landmarks not smoothed."""

    still: Image
    """The first frame with a face."""

    durations_ms: FloatArray


class _Person:
    """Fits frames of one clip with the identity of its first face."""

    def __init__(self, model: FaceModel, crop: Crop, points: FloatArray) -> None:
        self._model = model
        self._crop = crop
        self._fitter = FaceFitter(model)
        identity, _ = self._fitter.fit_reference(self.to_image(points), 0)
        self._neutral = model.neutral(identity_as_received(identity))
        self._previous: FaceParameters | None = None
        self.durations_ms: list[float] = []

    def to_image(self, points: FloatArray) -> FloatArray:
        return self._crop.to_image(points).astype(np.float32)

    def vertices(self, points: FloatArray, time_ns: int) -> FloatArray:
        """(478, 3) image coordinates of the model fitted to the next frame's landmarks."""
        target = self.to_image(points)
        start_ns = perf_counter_ns()
        self._previous = self._fitter.fit(
            target, self._neutral, capture_time=ticks_from_ns(time_ns), previous=self._previous
        )
        self.durations_ms.append((perf_counter_ns() - start_ns) / 1e6)
        return self._model.vertices(self._neutral, self._previous)


def measure_clip(clip: Clip, model: FaceModel) -> tuple[TrackingScores, FloatArray]:
    """Scores of a clip, and its landmarks (frames, 478, 3) in frame pixels, NaN without a face.

    Raises ArtifactError for a clip without a face, or with one frame of it alone.
    """
    track = _track(clip)
    landmarks, first = track.clip.landmarks, first_face(track.clip)
    crop, start = track.clip.crop_at(first), landmarks[first]
    assert start is not None
    direct, sent = _Person(model, crop, start), _Person(model, crop, start)
    smoother = LandmarkSmoother()
    errors: list[FloatArray] = []
    sent_errors: list[FloatArray] = []
    for index, (points, time_ns) in enumerate(zip(landmarks, track.clip.times_ns, strict=True)):
        if points is None:
            smoother.reset()
            continue
        smooth = smoother.update(points, time_ns)
        if index == first:
            continue
        truth = direct.to_image(points)
        errors.append(_distances_px(direct.vertices(points, time_ns), truth))
        sent_errors.append(_distances_px(sent.vertices(smooth, time_ns), truth))
    if not errors:
        raise ArtifactError(f"{clip.path}: a face in one frame, at least two are needed")
    groups = {
        group: float(np.mean([error[model.vertex_groups == group] for error in errors]))
        for group in VertexGroup
    }
    jitter, landmark_jitter = _jitter(track.still, _Person(model, crop, start))
    scores = TrackingScores(
        frames=len(landmarks),
        missed=sum(points is None for points in landmarks),
        error_px=float(np.mean(errors)),
        lips_px=groups[VertexGroup.LIPS],
        lids_px=groups[VertexGroup.LIDS],
        irises_px=groups[VertexGroup.IRISES],
        sent_px=float(np.mean(sent_errors)),
        jitter_px=jitter,
        landmark_jitter_px=landmark_jitter,
        track_ms=float(np.median(track.durations_ms)),
        track_p95_ms=float(np.percentile(track.durations_ms, 95)),
        fit_ms=float(np.median(direct.durations_ms)),
        fit_p95_ms=float(np.percentile(direct.durations_ms, 95)),
    )
    missing = np.full((VERTEX_COUNT, 3), np.nan, np.float32)
    return scores, np.stack([missing if points is None else points for points in landmarks])


def _track(clip: Clip) -> _Track:
    tracker = FaceTracker()
    landmarks: list[FloatArray | None] = []
    times_ns, durations_ms = [], []
    still: Image | None = None
    height = width = 0
    for frame in clip.frames():
        start_ns = perf_counter_ns()
        faces = tracker.track(frame.image)
        durations_ms.append((perf_counter_ns() - start_ns) / 1e6)
        times_ns.append(frame.time_ns)
        landmarks.append(faces[0].points if faces else None)
        height, width = frame.image.shape[:2]
        if faces and still is None:
            still = frame.image
    if still is None:
        raise ArtifactError(f"{clip.path}: no face in {len(landmarks)} frames, one is needed")
    tracked = TrackedClip(clip, width, height, tuple(times_ns), tuple(landmarks))
    return _Track(tracked, still, np.array(durations_ms, np.float32))


def _jitter(still: Image, person: _Person) -> tuple[float, float]:
    """RMS over copies of a still with noise, in pixels: of what is sent, of the landmarks."""
    random = np.random.default_rng(0)
    tracker, smoother = FaceTracker(), LandmarkSmoother()
    shown, tracked = [], []
    for copy in range(_COPIES):
        noise = random.normal(0, _NOISE_LEVELS, still.shape)
        faces = tracker.track((still + noise).round().clip(0, 255).astype(np.uint8))
        if not faces:
            return float("nan"), float("nan")
        tracked.append(person.to_image(faces[0].points))
        smooth = smoother.update(faces[0].points, copy * _FRAME_NS)
        shown.append(person.vertices(smooth, copy * _FRAME_NS))
    return _rms_px(np.stack(shown)), _rms_px(np.stack(tracked))


def _rms_px(vertices: FloatArray) -> float:
    """Of (copies, 478, 3) image coordinates: RMS distance in x and y from each vertex's mean."""
    deviations = (vertices - vertices.mean(axis=0))[..., :2] * _PIXELS
    return float(np.sqrt((deviations**2).sum(axis=-1).mean()))


def _distances_px(vertices: FloatArray, truth: FloatArray) -> FloatArray:
    """(478,) distances in x and y of image coordinates, in pixels."""
    distances: FloatArray = np.linalg.norm((vertices - truth)[:, :2], axis=1) * _PIXELS
    return distances


def mean_scores(scores: Sequence[TrackingScores]) -> TrackingScores:
    """Every clip counts alike; frames are summed."""
    columns = {
        field.name: np.array([getattr(one, field.name) for one in scores], np.float64)
        for field in fields(TrackingScores)
    }
    return TrackingScores(
        frames=int(columns.pop("frames").sum()),
        missed=int(columns.pop("missed").sum()),
        **{name: float(column.mean()) for name, column in columns.items()},
    )


def command(
    data: Annotated[Path, typer.Option(help="A clip, or a folder of clips.")],
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    mediapipe: Annotated[
        bool,
        typer.Option(
            "--mediapipe", help="Compare with MediaPipe, set up once in an environment of its own."
        ),
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Two clips: the numbers mean little.")
    ] = False,
) -> None:
    """Tracker and fit: reprojection error, jitter and milliseconds, clip by clip."""
    check_writable(json_path)
    paths = sorted(data.glob("*.mp4")) if data.is_dir() else [data]
    if not paths:
        raise ArtifactError(f"{data}: no *.mp4 in it, a clip or a folder of clips is expected")
    if quick:
        paths = paths[:_QUICK_CLIPS]
    begun = monotonic()
    clips = [Clip.open(path) for path in paths]
    theirs = mediapipe_landmarks(paths) if mediapipe else [None] * len(paths)
    model = FaceModel.load()
    rows: dict[str, TrackingScores] = {}
    disagreements: dict[str, Disagreement] = {}
    compared: list[tuple[FloatArray, FloatArray]] = []
    left_out: dict[str, str] = {}
    for clip, points in zip(clips, theirs, strict=True):
        try:
            scores, ours = measure_clip(clip, model)
        except ArtifactError as error:
            left_out[clip.path.stem] = str(error).removeprefix(f"{clip.path}: ")
            typer.echo(f"left out: {error}", err=True)
            continue
        rows[clip.path.stem] = scores
        if points is not None:
            disagreements[clip.path.stem] = compare(ours, points)
            compared.append((ours, points))
        typer.echo(f"{clip.path.stem}: {scores.error_px:.3f} px", err=True)
    if not rows:
        raise ArtifactError("; ".join(f"{name}: {why}" for name, why in left_out.items()))
    mean = mean_scores(list(rows.values()))
    _print_table({**rows, "mean": mean}, "tracking and fit")
    if compared:
        ours, points = (np.concatenate(side) for side in zip(*compared, strict=True))
        disagreements["all"] = compare(ours, points)
        _print_table(disagreements, "landmarks against MediaPipe 0.10.21")
    if json_path is not None:
        details = {
            "data": data.name,
            "left_out": left_out,
            "clips": {name: asdict(row) for name, row in rows.items()},
            "mean": asdict(mean),
            "mediapipe": {name: asdict(row) for name, row in disagreements.items()} or None,
        }
        write_single_run(json_path, "tracking", details, quick=quick, seconds=monotonic() - begun)


def _print_table(rows: Mapping[str, TrackingScores | Disagreement], title: str) -> None:
    names = [field.name for field in fields(next(iter(rows.values())))]
    table = Table("clip", *names, title=title)
    for name, row in rows.items():
        values = [getattr(row, field) for field in names]
        table.add_row(name, *(f"{v:.3f}" if isinstance(v, float) else str(v) for v in values))
    Console(width=180).print(table)
