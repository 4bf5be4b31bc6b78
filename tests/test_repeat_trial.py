"""The trial of frames sent twice, on a made-up clip."""

import numpy as np

from benchmarks.repeat_trial import measure_repeats
from export.codec_tables import FRAME_TICKS, FittedClip
from shared.face_model import FaceModel
from shared.parameters import FaceParameters, Identity
from tests.wire_recording import nodding_track


def test_bytes_for_repeats_buy_what_is_lost_and_bytes_for_precision_what_is_not() -> None:
    model = FaceModel.load()
    vectors = nodding_track(200).vectors
    vectors[:, 1] = 2 * np.sin(1.1 * np.arange(len(vectors)))  # quick lips
    frames = [
        FaceParameters.from_vector(vector, capture_time=index * FRAME_TICKS)
        for index, vector in enumerate(vectors)
    ]
    clip = FittedClip(model.neutral(Identity(np.zeros(40, np.float32))), tuple(frames))
    rows = measure_repeats(model, [clip], losses=[0.0, 0.2])
    none, some = [{row.way: row for row in rows if row.loss == loss} for loss in (0.0, 0.2)]
    assert none["finer"].error_px < 0.7 * none["alone"].error_px
    assert abs(none["repeated"].error_px - none["alone"].error_px) < 0.05
    assert some["repeated"].error_px_p95 < some["alone"].error_px_p95
    assert some["repeated"].error_px_p95 < some["finer"].error_px_p95
    for way in (none, some):
        assert way["alone"].message_bytes < way["repeated"].message_bytes
