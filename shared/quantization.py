"""Face parameters as integer symbols: uniform quantizers with steps that are powers of two.

The table of steps is part of the bitstream version: sender and receiver must hold equal ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.errors import BitstreamError, InferenceError
from shared.limits import EXPRESSION_MAX, LOG_SCALE_MAX, ROTATION_MAX_RAD, TRANSLATION_MAX
from shared.parameters import EXPRESSION_SIZE, FaceParameters, FloatArray

SYMBOL_COUNT = 34
"""Symbols of a frame: expression (28), log scale, rotation (3), translation x, y (t_z is 0)."""

Symbols = NDArray[np.int32]
"""(SYMBOL_COUNT,) int32 in the order above."""


@dataclass(frozen=True, slots=True, eq=False)
class UniformQuantizer:
    """Mid-tread uniform quantizers, one per parameter, that saturate.

        q = clip(floor(x / step + 1/2), -levels, levels)        x_hat = q * step

    |x - x_hat| <= step / 2 while |x| <= step * levels.
    """

    steps: NDArray[np.float64]
    """(N,) bin widths in the units of the parameters; powers of two, so that q * step is exact."""

    levels: NDArray[np.int32]
    """(N,) largest symbol magnitudes; >= 1."""

    def quantize(self, values: FloatArray) -> Symbols:
        """(N,) symbols in [-levels, levels] of (N,) finite values."""
        symbols: NDArray[np.float64] = np.floor(values.astype(np.float64) / self.steps + 0.5)
        return symbols.clip(-self.levels, self.levels).astype(np.int32)

    def dequantize(self, symbols: Symbols) -> FloatArray:
        """(N,) float32 values of (N,) symbols.

        Raises BitstreamError for a symbol outside its alphabet.
        """
        if (np.abs(symbols) > self.levels).any():
            index = int((np.abs(symbols) - self.levels).argmax())
            raise BitstreamError(
                f"symbol {int(symbols[index])} of parameter {index}, "
                f"at most {int(self.levels[index])} in magnitude is allowed"
            )
        return (symbols * self.steps).astype(np.float32)


EXPRESSION_STEPS = (0.25,) * 2 + (0.5,) * 7 + (1.0,) * 11 + (2.0,) * 8
"""Standard deviations.

All steps: 0.175 px / w rounded to the nearest power of two in the logarithm, w the RMS motion in
pixels of a 256-pixel crop (weighted as the fit weights vertices) that one unit of the parameter
makes on the training clips: the cheapest split of an error at high rates. Together they move
vertices by 0.24 px in the mean, lips and irises alike (`python -m export codec-tables`)."""

LOG_SCALE_STEP = 2.0**-8
ROTATION_STEPS = (2.0**-6, 2.0**-6, 2.0**-8)
"""Radians, of the rotation vector's x, y and z."""

TRANSLATION_STEP = 2.0**-10
"""Image units; the crop is 2 wide."""

_STEPS = np.array(
    [*EXPRESSION_STEPS, LOG_SCALE_STEP, *ROTATION_STEPS, TRANSLATION_STEP, TRANSLATION_STEP]
)
_LIMITS = np.array(
    [EXPRESSION_MAX] * EXPRESSION_SIZE
    + [LOG_SCALE_MAX]
    + [ROTATION_MAX_RAD] * 3
    + [TRANSLATION_MAX] * 2
)
PARAMETER_QUANTIZER = UniformQuantizer(
    steps=_STEPS, levels=np.floor(_LIMITS / _STEPS).astype(np.int32)
)


def quantize_parameters(parameters: FaceParameters) -> Symbols:
    """(SYMBOL_COUNT,) symbols; saturates outside the limits.

    Raises InferenceError when a parameter is not finite.
    """
    values = parameters.vector[:SYMBOL_COUNT]
    if not np.isfinite(values).all():
        raise InferenceError("face parameters that are not finite, only finite ones are encoded")
    return PARAMETER_QUANTIZER.quantize(values)


def dequantize_parameters(symbols: Symbols, *, capture_time: int) -> FaceParameters:
    """The frame that (SYMBOL_COUNT,) symbols stand for.

    One product in float64 and one rounding: what the sender predicts from is bit-equal to what
    the receiver decodes. Raises BitstreamError for a symbol outside its alphabet.
    """
    vector = np.zeros(SYMBOL_COUNT + 1, np.float32)
    vector[:SYMBOL_COUNT] = PARAMETER_QUANTIZER.dequantize(symbols)
    return FaceParameters.from_vector(vector, capture_time=capture_time)
