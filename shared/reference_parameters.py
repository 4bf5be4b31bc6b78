"""The parameters of a reference as bytes: 34 big-endian float16 (t_z is always 0).

Finer than the symbols of a driving frame, because an error here stays in every picture that is
rendered from the reference: at most 0.03 px of a 256-pixel crop by the translation.
"""

import numpy as np

from shared.errors import BitstreamError
from shared.limits import EXPRESSION_MAX, LOG_SCALE_MAX, ROTATION_MAX_RAD, TRANSLATION_MAX
from shared.parameters import EXPRESSION_SIZE, PARAMETER_SIZE, FaceParameters

_COUNT = PARAMETER_SIZE - 1
REFERENCE_PARAMETERS_BYTES = 2 * _COUNT

_LIMITS = np.array(
    [EXPRESSION_MAX] * EXPRESSION_SIZE
    + [LOG_SCALE_MAX]
    + [ROTATION_MAX_RAD] * 3
    + [TRANSLATION_MAX] * 2,
    np.float32,
)


def pack_reference_parameters(parameters: FaceParameters) -> bytes:
    """REFERENCE_PARAMETERS_BYTES bytes."""
    return parameters.vector[:_COUNT].clip(-_LIMITS, _LIMITS).astype(">f2").tobytes()


def parse_reference_parameters(data: bytes, *, capture_time: int) -> FaceParameters:
    """Read REFERENCE_PARAMETERS_BYTES bytes.

    Raises BitstreamError for parameters that are not finite or out of range.
    """
    vector = np.zeros(PARAMETER_SIZE, np.float32)
    vector[:_COUNT] = np.frombuffer(data, ">f2", _COUNT)
    allowed = np.abs(vector[:_COUNT]) <= _LIMITS
    if not allowed.all():
        index = int(allowed.argmin())
        raise BitstreamError(
            f"parameter {index} of the reference is {float(vector[index]):g}, "
            f"at most {float(_LIMITS[index]):g} in magnitude is allowed"
        )
    return FaceParameters.from_vector(vector, capture_time=capture_time)


def parameters_as_received(parameters: FaceParameters) -> FaceParameters:
    """What the receiver will hold; the sender uses the same."""
    packed = pack_reference_parameters(parameters)
    return parse_reference_parameters(packed, capture_time=parameters.capture_time)
