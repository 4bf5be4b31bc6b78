"""One frame's symbols to bytes and back, by the tables that `shared.symbol_model` chooses.

The encoder is free in which symbols it sends. It takes those that are short for the error that
they make: after each symbol, what its error moves in the picture is undone as far as later
parameters can (a head turned a little too far, by the mouth's place), and of the two symbols next
to the goal the one with the lower sum of bits and priced squared error is sent. Against plain
rounding this saves a tenth of the bytes at the same error in pixels (`python -m benchmarks
codec`). What is said here in floats decides symbols at the sender alone, never how they are read.
"""

import math

import numpy as np
from numpy.typing import NDArray

from shared.codec_tables import CODEC_TABLES, CodecTables
from shared.entropy import RangeDecoder, RangeEncoder
from shared.frame_kernels import read_frame
from shared.quantization import PARAMETER_QUANTIZERS, SYMBOL_COUNT, Precision, Symbols
from shared.reading_tables import reading_tables, reading_weights
from shared.symbol_model import FramePrediction, FrameState, SymbolChoice

_NOTHING = np.zeros(SYMBOL_COUNT, np.int64)
_NO_SYMBOLS = np.zeros(SYMBOL_COUNT, np.int32)

_LEVELS = tuple(quantizer.levels.tolist() for quantizer in PARAMETER_QUANTIZERS)


def encode_frame(
    encoder: RangeEncoder,
    goal: NDArray[np.float64],
    base: FrameState | None,
    *,
    precision: Precision,
    interval_ms: int = 0,
    tables: CodecTables = CODEC_TABLES,
) -> Symbols:
    """Encode the frame that lies nearest to `goal`; its (SYMBOL_COUNT,) residuals to `base`.

    `goal` (SYMBOL_COUNT,): parameters in steps. `base`: the frame that is predicted from,
    `interval_ms` ago; None: intra, and the residuals are the symbols.
    """
    prediction = FramePrediction(base, precision, interval_ms, tables)
    levels = _LEVELS[precision]
    wanted: list[float] = goal.tolist()
    before: list[int] = [0] * SYMBOL_COUNT
    if base is not None:
        before = base.symbols.tolist()
        wanted = [here - there for here, there in zip(wanted, before, strict=True)]
    exact = wanted.copy()
    residuals = [0] * SYMBOL_COUNT
    for index in tables.order:
        choice = prediction.choice(index)
        residual = _cheapest(choice, wanted[index], tables.error_prices[index])
        residual = min(max(residual, -levels[index] - before[index]), levels[index] - before[index])
        _encode_residual(encoder, choice, residual)
        prediction.settle(index, residual)
        residuals[index] = residual
        error = residual - exact[index]
        for later, undone in tables.feedback[index]:
            wanted[later] += undone * error
    return np.array(residuals, np.int32)


def decode_frame(
    decoder: RangeDecoder,
    base: FrameState | None,
    *,
    precision: Precision,
    interval_ms: int = 0,
    tables: CodecTables = CODEC_TABLES,
) -> Symbols:
    """The next frame's (SYMBOL_COUNT,) residuals to `base`.

    Raises BitstreamError for bytes that no encoder writes.
    """
    gap_class = None if base is None else tables.gap_class(interval_ms)
    residuals, reached = read_frame(
        np.frombuffer(decoder.data, np.uint8),
        decoder.at,
        reading_weights(tables, gap_class, precision),
        _NO_SYMBOLS if base is None else base.symbols,
        _NOTHING if base is None else base.velocity,
        _NOTHING if base is None else base.activity,
        base is None,
        reading_tables(tables, gap_class),
    )
    decoder.go_on(*reached.tolist())
    return residuals


def warm_up() -> None:
    """Compile what frames are coded by, or load it compiled, so that no message waits for it."""
    symbols = decode_frame(RangeDecoder(b""), None, precision=Precision.STANDARD)
    base = FrameState.intra(symbols, Precision.STANDARD)
    residuals = decode_frame(RangeDecoder(b""), base, precision=Precision.STANDARD, interval_ms=40)
    base.next(residuals, 40)


def _cheapest(choice: SymbolChoice, wanted: float, error_price: float) -> int:
    """Of the two integers next to `wanted`, the one with the lower sum of bits and error."""
    low = math.floor(wanted)
    if choice.shift:
        return math.floor(wanted + 0.5)
    beyond = wanted - low
    low_price = _cost(choice, low) + error_price * beyond * beyond
    high_price = _cost(choice, low + 1) + error_price * (1 - beyond) * (1 - beyond)
    return low if low_price < high_price else low + 1


def _cost(choice: SymbolChoice, residual: int) -> int:
    """1/64 bits."""
    value = residual - choice.centre
    if choice.is_mirrored:
        value = -value
    largest = choice.table.largest
    return (
        choice.costs[value + largest] if -largest <= value <= largest else choice.table.cost(value)
    )


def _encode_residual(encoder: RangeEncoder, choice: SymbolChoice, residual: int) -> None:
    value = residual - choice.centre
    if choice.shift:
        value += 1 << choice.shift - 1
        choice.table.encode(encoder, value >> choice.shift)
        encoder.encode_bits(value, choice.shift)
    else:
        choice.table.encode(encoder, -value if choice.is_mirrored else value)
