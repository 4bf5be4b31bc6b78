"""Quantizers: their bound, their vector, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import BitstreamError, InferenceError
from shared.parameters import FaceParameters
from shared.quantization import (
    PARAMETER_QUANTIZERS,
    SYMBOL_COUNT,
    Precision,
    UniformQuantizer,
    dequantize_parameters,
    parameters_in_steps,
    quantize_parameters,
)


@settings(deadline=None)
@given(
    values=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=8),
    exponent=st.integers(-10, 2),
)
def test_error_is_at_most_half_a_step(values: list[float], exponent: int) -> None:
    step = 2.0**exponent
    count = len(values)
    quantizer = UniformQuantizer(np.full(count, step), np.full(count, 2**20, np.int32))
    array = np.array(values, np.float32)
    decoded = quantizer.dequantize(quantizer.quantize(array))
    assert (np.abs(decoded - array) <= step / 2 + np.abs(array) * 2.0**-24).all()


def test_vector() -> None:
    quantizer = UniformQuantizer(np.full(5, 0.5), np.full(5, 4, np.int32))
    symbols = quantizer.quantize(np.array([-9, -0.25, 0.25, 0.3, 9], np.float32))
    assert symbols.tolist() == [-4, 0, 1, 1, 4]


def test_symbol_outside_its_alphabet() -> None:
    symbols = np.zeros(SYMBOL_COUNT, np.int32)
    symbols[3] = 17
    with pytest.raises(BitstreamError) as error:
        PARAMETER_QUANTIZERS[Precision.STANDARD].dequantize(symbols)
    text = "symbol 17 of parameter 3, at most 16 in magnitude is allowed"
    assert str(error.value) == text


@pytest.mark.parametrize("precision", Precision)
def test_steps_are_powers_of_two_and_double(precision: Precision) -> None:
    quantizer = PARAMETER_QUANTIZERS[precision]
    mantissa, _ = np.frexp(quantizer.steps)
    assert (mantissa == 0.5).all()
    assert (quantizer.levels >= 1).all()
    finest = PARAMETER_QUANTIZERS[Precision.FINE].steps
    assert (quantizer.steps == finest * 2**precision).all()
    assert precision.budget_px == 0.125 * 2**precision


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_parameters_that_are_not_finite_are_refused(value: float) -> None:
    vector = np.zeros(35, np.float32)
    vector[30] = value
    with pytest.raises(InferenceError, match=r"^face parameters that are not finite, only finite"):
        quantize_parameters(FaceParameters.from_vector(vector, capture_time=0))


def test_far_outside_saturates_and_depth_is_never_coded() -> None:
    vector = np.full(35, 1e9, np.float32)
    frame = FaceParameters.from_vector(vector, capture_time=7)
    decoded = dequantize_parameters(quantize_parameters(frame), capture_time=7)
    within = parameters_in_steps(frame, Precision.STANDARD)
    assert (np.abs(within) <= PARAMETER_QUANTIZERS[Precision.STANDARD].levels).all()
    assert decoded.expression.max() == 8.0
    assert np.abs(decoded.rotation).max() <= np.pi
    assert decoded.translation[2] == 0.0
