"""What a call codes of a clip: each frame with the one that it is predicted from."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from export.codec_tables import FittedClip
from shared.codec_tables import CodecTables
from shared.entropy import RangeEncoder
from shared.frame_kernels import TABLE_BITS
from shared.parameters import FaceParameters
from shared.quantization import (
    Precision,
    Symbols,
    dequantize_parameters,
    parameters_in_steps,
)
from shared.residual_coder import encode_frame
from shared.symbol_model import FrameState

FRAME_MS = 40


@dataclass(frozen=True, slots=True)
class Way:
    """A link without loss and the receiver behind it."""

    report_interval_ms: float
    round_trip_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class CallFrame:
    """A frame as it is coded."""

    message: int
    base: FrameState | None
    """The frame that it is predicted from; None: intra."""

    gap_ms: int
    residuals: Symbols
    precision: Precision
    bits: float
    """Ideal length in these tables, time and header left out."""

    def parameters(self) -> FaceParameters:
        """As the receiver decodes it, at time 0."""
        symbols = self.residuals if self.base is None else self.base.symbols + self.residuals
        return dequantize_parameters(symbols, self.precision, capture_time=0)


class _CountingEncoder(RangeEncoder):
    """Adds up ideal lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.bits = 0.0

    def encode(self, start: int, frequency: int) -> None:
        self.bits += TABLE_BITS - math.log2(frequency)

    def encode_bits(self, value: int, count: int) -> None:
        self.bits += count


def bases_of_call(message_count: int, frames_per_message: int, way: Way) -> list[int | None]:
    """The message that each message is predicted from."""
    reported: list[tuple[float, int]] = []
    due_ms, known = 0.0, None
    bases: list[int | None] = []
    for message in range(message_count):
        now_ms = (message + 1) * frames_per_message * FRAME_MS
        while reported and reported[0][0] <= now_ms:
            known = reported.pop(0)[1]
        bases.append(known)
        if now_ms >= due_ms:
            due_ms = now_ms + way.report_interval_ms
            reported.append((now_ms + way.round_trip_ms, message))
    return bases


def coded_frames(
    clip: FittedClip,
    tables: CodecTables,
    precision: Precision,
    *,
    frames_per_message: int,
    way: Way,
) -> Iterator[CallFrame]:
    """Every frame of the clip, sent at 25 a second."""
    goals = [parameters_in_steps(frame, precision) for frame in clip.frames]
    sent: list[FrameState] = []
    bases = bases_of_call(len(goals) // frames_per_message, frames_per_message, way)
    for message, number in enumerate(bases):
        state = None if number is None else sent[number]
        gap = 1 if number is None else (message - 1 - number) * frames_per_message + 1
        for goal in goals[message * frames_per_message : (message + 1) * frames_per_message]:
            encoder, gap_ms = _CountingEncoder(), gap * FRAME_MS
            residuals = encode_frame(
                encoder, goal, state, precision=precision, interval_ms=gap_ms, tables=tables
            )
            yield CallFrame(message, state, gap_ms, residuals, precision, encoder.bits)
            if state is None:
                state = FrameState.intra(residuals, precision, tables)
            else:
                state = state.next(residuals, gap_ms)
            gap = 1
        assert state is not None
        sent.append(state)
