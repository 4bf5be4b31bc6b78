"""Prepared clips of seeded numbers, for tests of training: nobody's face."""

from pathlib import Path

import cv2
import numpy as np

from export.training.store import LANDMARK_STEP, PreparedClip, encode_picture, write_clip
from shared.face_model import FaceModel
from shared.identity_message import identity_as_received
from shared.parameters import FaceParameters, Identity
from shared.quantization import SYMBOL_COUNT, quantize_parameters
from shared.reference_parameters import parameters_as_received


def prepared_clip(stem: str, frames: int, *, seed: int = 0, neutrals: int = 2) -> PreparedClip:
    """A smooth picture that a face model's own random walk belongs to."""
    rng = np.random.default_rng(seed)
    model = FaceModel.load()
    noise = rng.integers(0, 255, (8, 8, 3), np.uint8)
    image = np.asarray(cv2.resize(noise, (256, 256), interpolation=cv2.INTER_CUBIC), np.uint8)
    person = identity_as_received(Identity(rng.normal(size=40).astype(np.float32)))
    neutral = model.neutral(person)
    walk = []
    vector = np.zeros(35, np.float32)
    vector[28] = -1.0
    for _ in range(frames):
        vector[:28] += rng.normal(size=28).astype(np.float32) * 0.3
        vector[29:34] += rng.normal(size=5).astype(np.float32) * 0.03
        vector[32:] = vector[32:].clip(-0.1, 0.1) * [1, 1, 0]
        walk.append(FaceParameters.from_vector(vector.copy(), capture_time=0))
    pictures = [encode_picture(np.roll(image, 2 * index, axis=1)) for index in range(frames)]
    points = np.stack([model.vertices(neutral, one) for one in walk])
    symbols = np.stack([quantize_parameters(one) for one in walk]).astype(np.int16)
    references = np.stack(
        [parameters_as_received(one).vector[:SYMBOL_COUNT] for one in walk]
    ).astype(np.float16)
    fits = np.linspace(0, frames - 1, neutrals).astype(np.int32) if frames > 1 else [0]
    count = len(fits)
    return PreparedClip(
        stem=stem,
        face_model=model.digest,
        identity=stem,
        jpeg=np.concatenate(pictures),
        offsets=np.cumsum([0, *map(len, pictures)], dtype=np.int64),
        landmarks=np.round(points / LANDMARK_STEP).astype(np.int16),
        fit_frames=np.asarray(fits, np.int32),
        coefficients=np.repeat(person.coefficients[None], count, 0).astype(np.float16),
        residual=np.repeat(person.residual[None], count, 0),
        residual_step=np.full(count, person.residual_step, np.float32),
        symbols=np.repeat(symbols[None], count, 0),
        reference_vectors=np.repeat(references[None], count, 0),
    )


def prepared_folder(folder: Path, *clips: PreparedClip) -> Path:
    """The clips as files."""
    for clip in clips:
        write_clip(folder / f"{clip.stem}.npz", clip)
    return folder
