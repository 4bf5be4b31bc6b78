"""What a still face costs: a picture with a camera's noise, tracked, planned and encoded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from export.codec_tables import FRAME_NS, FRAME_TICKS
from sender.message_planner import MessagePlanner
from shared.codec import FaceDecoder, FaceEncoder
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.fitting import FaceFitter
from shared.identity_message import identity_as_received
from shared.parameters import Crop, FaceParameters, Image
from shared.receiver_report import ReceiverReport
from shared.smoothing import LandmarkSmoother
from shared.tracker import FaceTracker

_SECONDS = 20
_NOISE_LEVELS = 2.0
"""Standard deviation, of 255."""

_SETTLE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class StillScores:
    """At 25 fps and two frames a message, after the first two seconds; over all clips."""

    clips: int
    payload_bps: float
    payload_bps_max: float
    """Of one clip."""

    messages_per_second: float
    keep_alive_bytes: float
    """Mean of a message of the pause."""


def measure_still(model: FaceModel, paths: Sequence[Path]) -> StillScores:
    """The first picture of each clip, for 20 s. Raises ArtifactError when none shows a face."""
    rates: list[float] = []
    sizes: list[int] = []
    for path in paths:
        frames = _still_frames(model, _first_picture(path))
        if not frames:
            continue
        kept = _messages(frames)
        sizes += kept
        rates.append(8 * sum(kept) / (_SECONDS - _SETTLE_SECONDS))
    if not rates:
        raise ArtifactError("no first picture with a face, clips of faces are expected")
    return StillScores(
        clips=len(rates),
        payload_bps=float(np.mean(rates)),
        payload_bps_max=max(rates),
        messages_per_second=len(sizes) / len(rates) / (_SECONDS - _SETTLE_SECONDS),
        keep_alive_bytes=float(np.mean(sizes)),
    )


def _first_picture(path: Path) -> Image:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _still_frames(model: FaceModel, picture: Image) -> list[FaceParameters]:
    """Noisy copies, tracked, smoothed and fitted as the sender does."""
    tracker, smoother, fitter = FaceTracker(max_faces=1), LandmarkSmoother(), FaceFitter(model)
    random = np.random.default_rng(0)
    crop = Crop(0.0, 0.0, float(max(picture.shape[:2])))
    neutral = None
    frames: list[FaceParameters] = []
    for index in range(_SECONDS * 25):
        noise = random.normal(0, _NOISE_LEVELS, picture.shape)
        faces = tracker.track((picture + noise).round().clip(0, 255).astype(np.uint8))
        if not faces:
            return []
        points = crop.to_image(faces[0].points.astype(np.float64)).astype(np.float32)
        if neutral is None:
            identity, _ = fitter.fit_reference(points, 0)
            neutral = model.neutral(identity_as_received(identity))
        smooth = smoother.update(points, index * FRAME_NS)
        previous = frames[-1] if frames else None
        frames.append(
            fitter.fit(smooth, neutral, capture_time=index * FRAME_TICKS, previous=previous)
        )
    return frames


def _messages(frames: Sequence[FaceParameters]) -> list[int]:
    """Sizes of what is sent once the face is known to be still."""
    planner, encoder, decoder = MessagePlanner(), FaceEncoder(), FaceDecoder()
    sizes = []
    for index, frame in enumerate(frames):
        for planned in planner.add(frame, 0, index * FRAME_NS):
            message = encoder.encode(planned.frames, set_id=0, hold=planned.hold)
            decoder.decode(message)
            newest, held = decoder.held() or (0, 0)
            encoder.acknowledge(ReceiverReport(newest, held, delay_ms=0, transit_ms=0))
            if index >= _SETTLE_SECONDS * 25:
                sizes.append(len(message))
    return sizes
