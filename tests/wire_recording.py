"""A made-up recording for calls of the wire benchmark: a head that nods, no clip needed."""

import numpy as np

from benchmarks.wire_track import RecordedTrack
from shared.parameters import (
    CROP_SIZE,
    IDENTITY_SIZE,
    PARAMETER_SIZE,
    VERTEX_COUNT,
    Crop,
    Identity,
)
from shared.reference_image import encode_reference_image


def nodding_track(frames: int = 100) -> RecordedTrack:
    """A nod each 1.6 s at 25 frames a second."""
    vectors = np.zeros((frames, PARAMETER_SIZE), np.float32)
    phase = 2 * np.pi * np.arange(frames) / 40
    vectors[:, 28] = np.log(0.4)
    vectors[:, 29] = 0.2 * np.sin(phase)
    vectors[:, 0] = np.cos(phase)
    image = np.full((CROP_SIZE, CROP_SIZE, 3), 128, np.uint8)
    return RecordedTrack(
        name="nod",
        fps=25.0,
        vectors=vectors,
        landmarks=np.zeros((frames, VERTEX_COUNT, 3), np.float32),
        first=0,
        crop=Crop(0.0, 0.0, float(CROP_SIZE)),
        frame_size=(CROP_SIZE, CROP_SIZE),
        identity=Identity(np.zeros(IDENTITY_SIZE, np.float32)),
        picture=encode_reference_image(image, 2000),
    )
