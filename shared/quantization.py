"""Face parameters as integer symbols: uniform quantizers with steps that are powers of two.

The tables of steps are part of the bitstream version: sender and receiver must hold equal ones.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from shared.errors import BitstreamError, InferenceError
from shared.limits import EXPRESSION_MAX, LOG_SCALE_MAX, ROTATION_MAX_RAD, TRANSLATION_MAX
from shared.parameters import EXPRESSION_SIZE, FaceParameters, FloatArray

SYMBOL_COUNT = 34
"""Symbols of a frame: expression (28), log scale, rotation (3), translation x, y (t_z is 0)."""

Symbols = NDArray[np.int32]
"""(SYMBOL_COUNT,) int32 in the order above."""


class Precision(IntEnum):
    """How finely a stream is quantized: the one knob between rate and error.

    Each next one doubles every step. Intra messages name it; a change needs one.
    """

    FINE = 0
    STANDARD = 1
    COARSE = 2
    COARSEST = 3

    @property
    def budget_px(self) -> float:
        """Most that coding may move the vertices in the mean, pixels of a 256-pixel crop."""
        return 0.125 * 2.0**self


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

Of the standard precision, as are all steps here: 0.7 of its error budget / w rounded to the nearest
power of two in the logarithm, w the RMS motion in pixels of a 256-pixel crop (weighted as the fit
weights vertices) that one unit of the parameter makes on the training clips: the cheapest split
of an error at high rates (`python -m export codec-tables`)."""

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


def _quantizer(precision: Precision) -> UniformQuantizer:
    steps = _STEPS * 2.0 ** (precision - Precision.STANDARD)
    return UniformQuantizer(steps=steps, levels=np.floor(_LIMITS / steps).astype(np.int32))


PARAMETER_QUANTIZERS = tuple(_quantizer(precision) for precision in Precision)
"""By precision."""


def quantize_parameters(
    parameters: FaceParameters, precision: Precision = Precision.STANDARD
) -> Symbols:
    """(SYMBOL_COUNT,) symbols nearest to the parameters; saturates outside the limits.

    Raises InferenceError when a parameter is not finite.
    """
    return PARAMETER_QUANTIZERS[precision].quantize(_finite_values(parameters))


def parameters_in_steps(parameters: FaceParameters, precision: Precision) -> NDArray[np.float64]:
    """(SYMBOL_COUNT,) parameters in units of their steps, saturated as `quantize_parameters`.

    Raises InferenceError when a parameter is not finite.
    """
    quantizer = PARAMETER_QUANTIZERS[precision]
    scaled = _finite_values(parameters).astype(np.float64) / quantizer.steps
    clipped: NDArray[np.float64] = scaled.clip(-quantizer.levels, quantizer.levels)
    return clipped


def dequantize_parameters(
    symbols: Symbols, precision: Precision = Precision.STANDARD, *, capture_time: int
) -> FaceParameters:
    """The frame that (SYMBOL_COUNT,) symbols stand for.

    One product in float64 and one rounding: what the sender predicts from is bit-equal to what
    the receiver decodes. Raises BitstreamError for a symbol outside its alphabet.
    """
    vector = np.zeros(SYMBOL_COUNT + 1, np.float32)
    vector[:SYMBOL_COUNT] = PARAMETER_QUANTIZERS[precision].dequantize(symbols)
    return FaceParameters.from_vector(vector, capture_time=capture_time)


def _finite_values(parameters: FaceParameters) -> FloatArray:
    values = parameters.vector[:SYMBOL_COUNT]
    if not np.isfinite(values).all():
        raise InferenceError("face parameters that are not finite, only finite ones are encoded")
    return values
