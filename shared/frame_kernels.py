"""The loop over the symbols of one frame that is read, compiled.

It is the arithmetic of `FramePrediction` (`shared.symbol_model` says what the numbers mean) around
that of `RangeDecoder` and `SignedTable.decode` (`shared.entropy`): integers only, bit for bit what
the encoder does in Python. A message of two frames is 70 symbols, at some 3 us each in Python.

The GIL is kept: the loop takes less time than getting it back from a thread that draws.
"""

import numpy as np
from numba import njit

RATIO_ONE = 64
RATIO_PRIOR = 4
"""Residuals as large as expected that count before the first."""

RATIO_MAX = 8 * RATIO_ONE
ACTIVITY_OFFSET = 26
SHIFTED_FROM = 14
"""Of the scale index, half octaves from 2^-5: larger scales halve values until they are there."""

SCALE_INDEX_MAX = 40
PLACE_MAX = 4 << 14
"""In quarter symbols: twice the finest alphabet's levels, which no residual passes. A jump within a
millisecond would be expected to go on beyond all that the tables code."""

RESIDUAL_LIMIT = 1 << 16
"""Magnitude of what tables code; what it adds up to is checked against the parameter's levels."""

TABLE_BITS = 15
RANGE_MIN = 1 << 24

VELOCITY, SHRINK, BIAS, SCALE, ACTIVITY, SPREAD = range(6)
"""Rows of the weights."""

READ, OUTSIDE, TOO_LONG, TOO_LARGE = range(4)
"""How reading ends."""

_POSITION, _CODE, _RANGE, _FAULT, _NUMBER, _LARGEST = range(6)
"""What a range decoder is at, then why it stopped: the number found and the one allowed."""


@njit(cache=True)
def _normalize(coder, data):  # type: ignore[no-untyped-def]
    while coder[_RANGE] < RANGE_MIN:
        position = coder[_POSITION]
        byte = np.int64(data[position]) if position < len(data) else 0
        coder[_POSITION] = position + 1
        coder[_CODE] = coder[_CODE] << 8 | byte
        coder[_RANGE] <<= 8


@njit(cache=True)
def _decode(coder, data, starts, first, count):  # type: ignore[no-untyped-def]
    """Index of a symbol of the table of `count` symbols that begins at `first`; 0 after a fault."""
    unit = coder[_RANGE] >> TABLE_BITS
    target = coder[_CODE] // unit
    if target >= 1 << TABLE_BITS:
        coder[_FAULT] = OUTSIDE
        return 0
    index = 0
    while index + 1 < count and starts[first + index + 1] <= target:
        index += 1
    start = starts[first + index]
    coder[_CODE] -= unit * start
    coder[_RANGE] = unit * (starts[first + index + 1] - start)
    _normalize(coder, data)
    return index


@njit(cache=True)
def _decode_bits(coder, data, count):  # type: ignore[no-untyped-def]
    """Up to 16 bits; 1 after a fault, which ends every loop."""
    if count == 0:
        return 0
    coder[_RANGE] >>= count
    bits = coder[_CODE] // coder[_RANGE]
    if bits >> count:
        coder[_FAULT] = OUTSIDE
        return 1
    coder[_CODE] -= coder[_RANGE] * bits
    _normalize(coder, data)
    return bits


@njit(cache=True)
def _decode_gamma(coder, data, largest):  # type: ignore[no-untyped-def]
    allowed = 0
    while abs(largest) >> allowed:
        allowed += 1
    length = 1
    while not _decode_bits(coder, data, 1):
        length += 1
        if length > allowed:
            coder[_FAULT], coder[_NUMBER], coder[_LARGEST] = TOO_LONG, length - 1, largest
            return 0
    value = 1 << length - 1 | _decode_bits(coder, data, length - 1)
    if not coder[_FAULT] and value > largest:
        coder[_FAULT], coder[_NUMBER], coder[_LARGEST] = TOO_LARGE, value, largest
    return value


@njit(cache=True)
def _decode_signed(coder, data, starts, first, largest, limit):  # type: ignore[no-untyped-def]
    value = _decode(coder, data, starts, first, 2 * largest + 2) - largest
    if value <= largest:
        return value
    negative = _decode_bits(coder, data, 1)
    if coder[_FAULT]:
        return 0
    magnitude = largest + _decode_gamma(coder, data, limit - largest)
    return -magnitude if negative else magnitude


@njit(cache=True)
def _log2_16(number, logarithms):  # type: ignore[no-untyped-def]
    shift = 0
    while number >> shift >= len(logarithms):
        shift += 1
    return logarithms[number >> shift] + 16 * shift


@njit(cache=True)
def _scale_index(scale):  # type: ignore[no-untyped-def]
    return min(max((scale + 84) >> 3, 0), SCALE_INDEX_MAX)


@njit(cache=True)
def advance(residuals, symbols, activity, interval_ms, norm):  # type: ignore[no-untyped-def]
    """(symbols, velocity, activity) of the frame whose residuals to `symbols` these are."""
    count = len(symbols)
    after = np.empty(count, np.int32)
    velocity = np.empty(count, np.int64)
    changed = np.empty(count, np.int64)
    for i in range(count):
        residual = np.int64(residuals[i])
        after[i] = symbols[i] + residual
        velocity[i] = residual * (64 * 40) // interval_ms
        changed[i] = activity[i] + ((abs(residual) * norm - activity[i]) >> 2)
    return after, velocity, changed


@njit(cache=True)
def read_frame(data, at, weights, symbols, velocity, activity, is_intra, tables):  # type: ignore[no-untyped-def]
    """(residuals (N,) int32, coder (6,)): the frame after `symbols`, `velocity` and `activity`.

    `at` (3,): position, code and range of a `RangeDecoder` over `data`; `weights` (6, N) int64, by
    rows as named above; `tables`: a `ReadingTables`.
    """
    count = len(symbols)
    coder = np.zeros(6, np.int64)
    coder[_POSITION], coder[_CODE], coder[_RANGE] = at
    places = np.empty(count, np.int64)
    scales = np.empty(count, np.int64)
    for i in range(count):
        places[i] = weights[BIAS, i]
        scales[i] = weights[SCALE, i]
        if not is_intra:
            places[i] += weights[VELOCITY, i] * velocity[i] >> 6
            places[i] += weights[SHRINK, i] * symbols[i]
            log = _log2_16(activity[i] + ACTIVITY_OFFSET, tables.logarithms) - 128
            scales[i] += weights[ACTIVITY, i] * log >> 6
    residuals = np.zeros(count, np.int32)
    excess = np.int64(RATIO_PRIOR * RATIO_ONE)
    for settled in range(count):
        i = tables.order[settled]
        place = min(max((places[i] + 128) >> 8, -PLACE_MAX), PLACE_MAX)
        reciprocal = tables.reciprocals[_scale_index(scales[i])]
        log = _log2_16(excess // (RATIO_PRIOR + settled), tables.logarithms) - 96
        scale = _scale_index(scales[i] + (weights[SPREAD, i] * log >> 6))
        centre = (place + 2) >> 2
        offset = place - 4 * centre
        shift = 0
        if scale > SHIFTED_FROM:
            shift = (scale - SHIFTED_FROM + 1) // 2
            offset = 0
        table = tables.places[scale - 2 * shift, abs(offset)]
        largest = tables.largest[scale - 2 * shift, abs(offset)]
        value = _decode_signed(coder, data, tables.starts, table, largest, RESIDUAL_LIMIT >> shift)
        if shift and not coder[_FAULT]:
            value = (value << shift) + _decode_bits(coder, data, shift) - (1 << shift - 1)
        if coder[_FAULT]:
            break
        residual = centre + (-value if offset < 0 else value)
        residuals[i] = residual
        ratio = (abs(4 * residual - place) * 16 + 6) * reciprocal >> 12
        excess += min(ratio, RATIO_MAX)
        for entry in range(tables.cross_starts[i], tables.cross_starts[i + 1]):
            places[tables.cross_later[entry]] += tables.cross_weights[entry] * residual
    return residuals, coder
