"""The identity of a person as bytes; travels with the first reference of a set.

    bytes 0-79    40 coefficients, float16, big endian
    bytes 80-83   residual step, float32, big endian
    the rest      residual, range-coded: index of a Laplace table (5 bits), then 478 x 3 values

Range-coded with the table that fits best rather than deflated: smaller, and it cannot unpack
to more than an identity.
"""

import struct

import numpy as np

from shared.entropy import LAPLACE_TABLES, RangeDecoder, RangeEncoder
from shared.errors import BitstreamError
from shared.limits import (
    IDENTITY_COEFFICIENT_MAX,
    IDENTITY_MAX_BYTES,
    IDENTITY_RESIDUAL_STEP_MAX,
)
from shared.parameters import IDENTITY_SIZE, VERTEX_COUNT, Identity

_COEFFICIENT_BYTES = 2 * IDENTITY_SIZE
_FIXED_BYTES = _COEFFICIENT_BYTES + 4
_TABLE_BITS = 5
_RESIDUAL_MAX = 128


def pack_identity(identity: Identity) -> bytes:
    """Its bytes, about 1 KB. Coefficients are rounded to float16, the residual is exact."""
    residual = identity.residual.astype(np.int32).reshape(-1)
    counts = np.bincount(np.abs(residual), minlength=_RESIDUAL_MAX + 1).tolist()
    costs = [
        sum(count * table.cost(magnitude) for magnitude, count in enumerate(counts) if count)
        for table in LAPLACE_TABLES
    ]
    best = costs.index(min(costs))
    encoder = RangeEncoder()
    encoder.encode_bits(best, _TABLE_BITS)
    for value in residual.tolist():
        LAPLACE_TABLES[best].encode(encoder, value)
    fixed = identity.coefficients.astype(">f2").tobytes()
    return fixed + struct.pack(">f", identity.residual_step) + encoder.finish()


def parse_identity(data: bytes) -> Identity:
    """Read an identity; any bytes are safe.

    Raises BitstreamError for bytes that are none.
    """
    if not _FIXED_BYTES <= len(data) <= IDENTITY_MAX_BYTES:
        raise BitstreamError(
            f"identity of {len(data)} bytes, {_FIXED_BYTES} to {IDENTITY_MAX_BYTES} are allowed"
        )
    coefficients = np.frombuffer(data, ">f2", IDENTITY_SIZE).astype(np.float32)
    (step,) = struct.unpack_from(">f", data, _COEFFICIENT_BYTES)
    if not (np.abs(coefficients) <= IDENTITY_COEFFICIENT_MAX).all():
        raise BitstreamError(
            f"identity coefficients beyond {IDENTITY_COEFFICIENT_MAX:g} or not finite"
        )
    if not 0.0 <= step <= IDENTITY_RESIDUAL_STEP_MAX:
        raise BitstreamError(
            f"identity residual step {step:g}, 0 to {IDENTITY_RESIDUAL_STEP_MAX:g} is allowed"
        )
    decoder = RangeDecoder(data[_FIXED_BYTES:])
    index = decoder.decode_bits(_TABLE_BITS)
    if index >= len(LAPLACE_TABLES):
        raise BitstreamError(f"identity table {index}, 0 to {len(LAPLACE_TABLES) - 1} are allowed")
    table = LAPLACE_TABLES[index]
    values = np.array([table.decode(decoder, 1 << 16) for _ in range(3 * VERTEX_COUNT)], np.int32)
    decoder.finish()
    if values.min() < -_RESIDUAL_MAX or values.max() >= _RESIDUAL_MAX:
        raise BitstreamError("identity residual outside -128 to 127")
    return Identity(
        coefficients=coefficients,
        residual=values.astype(np.int8).reshape(VERTEX_COUNT, 3),
        residual_step=step,
    )


def identity_as_received(identity: Identity) -> Identity:
    """What the receiver will hold: the sender fits against this one, so that both agree."""
    return parse_identity(pack_identity(identity))
