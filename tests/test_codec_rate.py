"""How near the range coder comes to the ideal: constriction's, with the same tables."""

from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest

from shared.codec_tables import CODEC_TABLES
from shared.entropy import TABLE_TOTAL, RangeEncoder
from shared.quantization import SYMBOL_COUNT, Precision
from shared.symbol_model import FramePrediction, FrameState

_FRAMES = 60


def _coded() -> list[tuple[tuple[int, ...], int]]:
    """(starts of the table, index in it) of each symbol of a walk, without escapes and shifts."""
    random = np.random.default_rng(3)
    state = FrameState.intra(np.zeros(SYMBOL_COUNT, np.int32), Precision.STANDARD)
    coded = []
    for frame in range(_FRAMES):
        prediction = FramePrediction(state, Precision.STANDARD, 40)
        residuals = np.zeros(SYMBOL_COUNT, np.int32)
        for index in CODEC_TABLES.order:
            choice = prediction.choice(index)
            largest = choice.table.largest
            spread = 0.2 + 2.0 * (frame % 20 > 10)
            value = int(np.clip(round(random.laplace(0, spread)), -largest, largest))
            coded.append((choice.table.starts, value + largest))
            residual = choice.centre + (-value if choice.is_mirrored else value)
            prediction.settle(index, residual)
            residuals[index] = residual
        state = state.next(residuals, 40)
    return coded


def _constriction_bits(constriction: ModuleType, coded: list[tuple[tuple[int, ...], int]]) -> int:
    encoder = constriction.stream.queue.RangeEncoder()
    for starts, index in coded:
        shares = np.array([after - start for start, after in pairwise(starts)], np.float64)
        model = constriction.stream.model.Categorical(shares / TABLE_TOTAL, perfect=False)
        encoder.encode(index, model)
    return int(encoder.num_bits())


def test_within_three_percent_of_constriction() -> None:
    constriction = pytest.importorskip("constriction", reason="constriction is not installed")
    coded = _coded()
    encoder = RangeEncoder()
    for starts, index in coded:
        encoder.encode(starts[index], starts[index + 1] - starts[index])
    ours = 8 * len(encoder.finish())
    theirs = _constriction_bits(constriction, coded)
    ideal = -sum(np.log2((s[i + 1] - s[i]) / TABLE_TOTAL) for s, i in coded)
    assert ours <= 1.03 * ideal
    assert ours <= 1.03 * theirs
    assert theirs <= 1.03 * ideal
