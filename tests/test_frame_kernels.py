"""The compiled loop reads what `FramePrediction` and `SignedTable` read, from any bytes."""

import numpy as np

from shared.codec_tables import CODEC_TABLES
from shared.entropy import RangeDecoder, RangeEncoder
from shared.errors import BitstreamError
from shared.frame_kernels import RESIDUAL_LIMIT, read_frame
from shared.quantization import SYMBOL_COUNT, Precision, Symbols
from shared.residual_coder import decode_frame
from shared.symbol_model import FramePrediction, FrameState


def _read(
    decoder: RangeDecoder, base: FrameState | None, precision: Precision, interval_ms: int
) -> list[int]:
    prediction = FramePrediction(base, precision, interval_ms)
    residuals = [0] * SYMBOL_COUNT
    for index in CODEC_TABLES.order:
        choice = prediction.choice(index)
        value = choice.table.decode(decoder, RESIDUAL_LIMIT >> choice.shift)
        if choice.shift:
            value = (value << choice.shift) + decoder.decode_bits(choice.shift)
            value -= 1 << choice.shift - 1
        residuals[index] = choice.centre + (-value if choice.is_mirrored else value)
        prediction.settle(index, residuals[index])
    return residuals


def _attempt(
    data: bytes, base: FrameState | None, precision: Precision, interval_ms: int, *, compiled: bool
) -> tuple[list[int], object]:
    """Residuals and where the decoder is then, or the error's text."""
    decoder = RangeDecoder(data)
    try:
        if compiled:
            read: Symbols = decode_frame(
                decoder, base, precision=precision, interval_ms=interval_ms
            )
            return read.tolist(), decoder.at
        return _read(decoder, base, precision, interval_ms), decoder.at
    except BitstreamError as error:
        return [], str(error)


def _escaped(base: FrameState | None, precision: Precision, interval_ms: int, beyond: int) -> bytes:
    """A first symbol so far beyond its table."""
    encoder = RangeEncoder()
    starts = (
        FramePrediction(base, precision, interval_ms).choice(CODEC_TABLES.order[0]).table.starts
    )
    encoder.encode(starts[-2], starts[-1] - starts[-2])
    encoder.encode_bits(beyond, 1)
    encoder.encode_gamma(beyond)
    return encoder.finish()


def test_any_bytes_say_the_same_as_in_python() -> None:
    random = np.random.default_rng(7)
    ends = set()
    base: FrameState | None = None
    for trial in range(1500):
        precision = Precision(trial % 4) if base is None else base.precision
        interval_ms = int(random.choice([1, 8, 33, 40, 80, 700, 1000]))
        data = random.bytes(int(random.integers(0, 60)))
        if trial % 3 == 0:
            data = _escaped(base, precision, interval_ms, 1 << int(random.integers(0, 20))) + data
        said = _attempt(data, base, precision, interval_ms, compiled=True)
        assert said == _attempt(data, base, precision, interval_ms, compiled=False)
        ends.add(said[1] if isinstance(said[1], str) else "read")
        if said[0]:
            residuals = np.array(said[0], np.int32)
            wild = base is not None and int(np.abs(base.symbols).max()) > 1 << 16
            if base is None or wild:
                base = FrameState.intra(residuals, precision)
            else:
                base = base.next(residuals, interval_ms)
        if trial % 50 == 49:
            base = None
    assert any("outside the table" in end for end in ends)
    assert any("a number of over" in end for end in ends)
    assert "read" in ends
    assert len(read_frame.signatures) == 1
