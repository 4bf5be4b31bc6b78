"""The codec's tables come out the same from the same clips, and are tables that the codec takes."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")

from export.codec_tables import FittedClip, effect_products, encoder_fields
from export.training import codec_context, codec_training
from shared.codec_tables import BITSTREAM_VERSION, tables_from_fields
from shared.face_model import FaceModel
from shared.parameters import FaceParameters
from shared.quantization import PARAMETER_QUANTIZERS, SYMBOL_COUNT, Precision


def _clips() -> list[FittedClip]:
    random = np.random.default_rng(2)
    clips = []
    for _ in range(2):
        walk = np.cumsum(random.normal(size=(40, 35)), 0).astype(np.float32)
        walk *= np.float32(0.05)
        walk[:, 28:] *= np.float32(0.1)
        walk[:, 28] -= 1
        frames = tuple(
            FaceParameters.from_vector(vector, capture_time=3600 * index)
            for index, vector in enumerate(walk)
        )
        clips.append(FittedClip(FaceModel.load().mean, frames))
    return clips


def _trained() -> str:
    clips = _clips()
    steps = PARAMETER_QUANTIZERS[Precision.STANDARD].steps
    products = effect_products(FaceModel.load(), clips, steps)
    start = {"version": BITSTREAM_VERSION, **encoder_fields(products)}
    return json.dumps(codec_training.train_codec(clips, start, report=lambda line: None))


def test_the_same_clips_give_the_same_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_training, "_STEPS", 6)
    monkeypatch.setattr(codec_context, "_BATCH", 64)
    first = _trained()
    assert _trained() == first
    tables = tables_from_fields(json.loads(first))
    assert sorted(tables.order) == list(range(SYMBOL_COUNT))
    assert any(any(weights) for weights in tables.predicted[3].cross)
