"""Frames coded one after the other: each from the one before, with the time between them.

The interval to the next frame is coded in milliseconds as its difference to what the frames so
far let expect, with a table by how irregular they were: a steady camera costs a tenth of a bit.
"""

from dataclasses import dataclass

from shared.clock import TICKS_MODULUS, TICKS_PER_SECOND, ticks_difference
from shared.codec_tables import log2_16
from shared.entropy import LAPLACE_TABLES, RangeDecoder, RangeEncoder, SignedTable
from shared.errors import BitstreamError
from shared.frame_kernels import RESIDUAL_LIMIT
from shared.limits import FRAME_INTERVAL_MAX_MS
from shared.parameter_message import USUAL_LAYOUT, FrameLayout
from shared.parameters import FaceParameters
from shared.quantization import Precision, dequantize_parameters, parameters_in_steps
from shared.residual_coder import decode_frame, encode_frame
from shared.symbol_model import FrameState

TICKS_PER_MS = TICKS_PER_SECOND // 1000
_DEFAULT_INTERVAL_TICKS = 40 * TICKS_PER_MS
"""Expected from an intra frame to the next: 25 fps."""

_DEFAULT_DEVIATION = 16


@dataclass(frozen=True, slots=True, eq=False)
class ChainState:
    """A frame as the receiver decodes it, and what the next one is predicted from."""

    frame: FrameState
    capture_time: int
    interval_ticks: int
    """Mean ticks a frame lately."""

    deviation: int
    """Mean magnitude of the interval residuals lately, 1/16 ms."""

    set_id: int
    layout: FrameLayout
    """Of the message that the frame came in."""

    def parameters(self) -> FaceParameters:
        """The frame. Raises BitstreamError for a symbol outside its alphabet."""
        return dequantize_parameters(
            self.frame.symbols, self.frame.precision, capture_time=self.capture_time
        )

    def encode_next(
        self, encoder: RangeEncoder, parameters: FaceParameters, *, frames_ahead: int
    ) -> "ChainState":
        """Encode the frame that comes about `frames_ahead` intervals later.

        Raises InferenceError when a parameter is not finite.
        """
        goal = parameters_in_steps(parameters, self.frame.precision)
        elapsed = ticks_difference(parameters.capture_time, self.capture_time)
        interval_ms = (elapsed + TICKS_PER_MS // 2) // TICKS_PER_MS
        interval_ms = min(max(interval_ms, 1), FRAME_INTERVAL_MAX_MS)
        residual_ms = interval_ms - self._expected_interval_ms(frames_ahead)
        self._interval_table().encode(encoder, residual_ms)
        residuals = encode_frame(
            encoder, goal, self.frame, precision=self.frame.precision, interval_ms=interval_ms
        )
        return self._next(self.frame.next(residuals, interval_ms), interval_ms, residual_ms)

    def decode_next(self, decoder: RangeDecoder, *, frames_ahead: int) -> "ChainState":
        """The mirror image of `encode_next`. Raises BitstreamError for bytes that are no frame."""
        residual_ms = self._interval_table().decode(decoder, RESIDUAL_LIMIT)
        interval_ms = self._expected_interval_ms(frames_ahead) + residual_ms
        if not 1 <= interval_ms <= FRAME_INTERVAL_MAX_MS:
            raise BitstreamError(
                f"frame {interval_ms} ms after its base, 1 to {FRAME_INTERVAL_MAX_MS} are allowed"
            )
        residuals = decode_frame(
            decoder, self.frame, precision=self.frame.precision, interval_ms=interval_ms
        )
        return self._next(self.frame.next(residuals, interval_ms), interval_ms, residual_ms)

    def as_base(
        self, earlier: "ChainState", base_distance: int, layout: FrameLayout
    ) -> "ChainState":
        """The last frame of a message, `earlier` being its base or, intra (0), its first frame."""
        interval_ticks = self.interval_ticks
        frames_since = layout.frames_since(base_distance)
        if frames_since > 0:
            elapsed = ticks_difference(self.capture_time, earlier.capture_time)
            interval_ticks = min(elapsed // frames_since, TICKS_PER_SECOND)
        return ChainState(
            self.frame,
            self.capture_time,
            interval_ticks,
            self.deviation,
            self.set_id,
            layout,
        )

    def _next(self, frame: FrameState, interval_ms: int, residual_ms: int) -> "ChainState":
        return ChainState(
            frame,
            (self.capture_time + interval_ms * TICKS_PER_MS) % TICKS_MODULUS,
            self.interval_ticks,
            self.deviation + (16 * abs(residual_ms) - self.deviation >> 2),
            self.set_id,
            self.layout,
        )

    def _expected_interval_ms(self, frames_ahead: int) -> int:
        return (self.interval_ticks * frames_ahead + TICKS_PER_MS // 2) // TICKS_PER_MS

    def _interval_table(self) -> SignedTable:
        """That whose scale is the deviation, in half octaves."""
        index = (log2_16(self.deviation + 1) - 32) >> 3
        return LAPLACE_TABLES[min(max(index, 0), len(LAPLACE_TABLES) - 1)]


def encode_first(
    encoder: RangeEncoder, parameters: FaceParameters, *, precision: Precision, set_id: int
) -> ChainState:
    """Encode a frame from nothing. Raises InferenceError when a parameter is not finite."""
    goal = parameters_in_steps(parameters, precision)
    symbols = encode_frame(encoder, goal, None, precision=precision)
    return _first(FrameState.intra(symbols, precision), parameters.capture_time, set_id)


def decode_first(
    decoder: RangeDecoder, *, precision: Precision, set_id: int, capture_time: int
) -> ChainState:
    """The mirror image of `encode_first`. Raises BitstreamError for bytes that are no frame."""
    symbols = decode_frame(decoder, None, precision=precision)
    return _first(FrameState.intra(symbols, precision), capture_time, set_id)


def _first(frame: FrameState, capture_time: int, set_id: int) -> ChainState:
    return ChainState(
        frame,
        capture_time,
        _DEFAULT_INTERVAL_TICKS,
        _DEFAULT_DEVIATION,
        set_id,
        USUAL_LAYOUT,
    )
