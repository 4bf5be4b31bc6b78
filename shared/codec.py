"""Face parameters to messages and back, over a channel that loses, reorders and repeats them.

A message is predicted only from a message that the receiver has said it holds, so that no loss
pattern corrupts a later frame; inside a message each frame is predicted from the one before.
Prediction is integer arithmetic on symbols and on time: both ends agree bit for bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.clock import TICKS_MODULUS, TICKS_PER_SECOND, ticks_difference
from shared.errors import BitstreamError, MissingBaseError
from shared.limits import FRAME_INTERVAL_MAX_MS, FRAMES_PER_MESSAGE_MAX
from shared.parameter_message import (
    BASE_DISTANCE_MAX,
    SEQUENCE_BITS,
    CodedFrame,
    ParameterMessage,
    parse_parameter_message,
)
from shared.parameters import FaceParameters
from shared.quantization import Symbols, dequantize_parameters, quantize_parameters
from shared.receiver_report import HELD_BITS, ReceiverReport
from shared.sequence import extend_sequence, sequence_difference

TICKS_PER_MS = TICKS_PER_SECOND // 1000
DEFAULT_INTERVAL_TICKS = 40 * TICKS_PER_MS
"""Expected from an intra frame to the next: 25 fps."""

HISTORY_MESSAGES = 128
"""Messages that a decoder holds, by sequence number: twice as far back as a base may lie, so
that a base once held is held while it may be named, late messages included."""

_RESTART_DISTANCE = 1024
"""An intra message this far from the newest begins anew: no network delays one so long."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodedMessage:
    """What one message of face parameters says."""

    frames: tuple[FaceParameters, ...]
    """1 to 3, oldest first; of increasing capture time."""

    set_id: int
    """The set of references whose crop and identity the frames are in."""

    sequence: int
    """0..65535."""

    hold: bool
    """The last message before a pause."""

    intra: bool


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """What a prediction starts from: a frame as the receiver decodes it."""

    symbols: Symbols
    capture_time: int
    interval_ticks: int
    """Mean ticks a frame lately."""

    set_id: int

    def expected_interval_ms(self, frames_ahead: int) -> int:
        """Milliseconds from this frame to one that comes `frames_ahead` later."""
        return (self.interval_ticks * frames_ahead + TICKS_PER_MS // 2) // TICKS_PER_MS

    def next(self, residuals: Symbols, interval_ms: int) -> "_State":
        """The frame `interval_ms` after this one."""
        capture_time = (self.capture_time + interval_ms * TICKS_PER_MS) % TICKS_MODULUS
        return _State(self.symbols + residuals, capture_time, self.interval_ticks, self.set_id)

    def as_base(self, earlier: "_State", frame_count: int) -> "_State":
        """This frame with the mean interval over the `frame_count` frames since `earlier`."""
        interval_ticks = self.interval_ticks
        if frame_count > 0:
            elapsed = ticks_difference(self.capture_time, earlier.capture_time)
            interval_ticks = min(elapsed // frame_count, TICKS_PER_SECOND)
        return _State(self.symbols, self.capture_time, interval_ticks, self.set_id)

    def parameters(self) -> FaceParameters:
        return dequantize_parameters(self.symbols, capture_time=self.capture_time)


def _intra_state(symbols: Symbols, capture_time: int, set_id: int) -> _State:
    return _State(symbols, capture_time, DEFAULT_INTERVAL_TICKS, set_id)


class FaceEncoder:
    """The sender's side of one parameters channel, for its whole life. Not thread-safe."""

    def __init__(self, *, first_sequence: int = 0) -> None:
        self._next_sequence = first_sequence
        self._sent: dict[int, _State] = {}
        """By unwrapped sequence number: the last BASE_DISTANCE_MAX messages."""

        self._base: int | None = None
        """The newest message that the receiver is known to hold; a key of `_sent`."""

        self._reconstructed: tuple[FaceParameters, ...] = ()

    @property
    def next_sequence(self) -> int:
        """Sequence number of the next message, 0..65535."""
        return self._next_sequence % (1 << SEQUENCE_BITS)

    @property
    def reconstructed(self) -> tuple[FaceParameters, ...]:
        """The frames of the last message, bit for bit as the receiver decodes them."""
        return self._reconstructed

    def encode(self, frames: Sequence[FaceParameters], *, set_id: int, hold: bool = False) -> bytes:
        """One message of 1 to 3 frames, oldest first; capture times are kept to a millisecond.

        Intra unless the receiver is known to hold a recent message of the same set.
        Raises InferenceError when a parameter is not finite.
        """
        assert 1 <= len(frames) <= FRAMES_PER_MESSAGE_MAX
        symbols = [quantize_parameters(frame) for frame in frames]
        base_distance, base = self._find_base(set_id, frames[0].capture_time)
        coded: list[CodedFrame] = []
        states: list[_State] = []
        if base is None:
            coded.append(CodedFrame(symbols[0]))
            base = _intra_state(symbols[0], frames[0].capture_time, set_id)
            states.append(base)
        for index in range(len(states), len(frames)):
            before = states[-1] if states else base
            frames_ahead = 1 if states else _frames_ahead(base_distance, len(frames))
            elapsed = ticks_difference(frames[index].capture_time, before.capture_time)
            interval_ms = (elapsed + TICKS_PER_MS // 2) // TICKS_PER_MS
            interval_ms = min(max(interval_ms, 1), FRAME_INTERVAL_MAX_MS)
            residuals = symbols[index] - before.symbols
            expected_ms = before.expected_interval_ms(frames_ahead)
            coded.append(CodedFrame(residuals, interval_ms - expected_ms))
            states.append(before.next(residuals, interval_ms))
        self._remember(states[-1].as_base(base, _frames_since(base_distance, len(frames))))
        self._reconstructed = tuple(state.parameters() for state in states)
        return ParameterMessage(
            sequence=(self._next_sequence - 1) % (1 << SEQUENCE_BITS),
            hold=hold,
            frames=tuple(coded),
            base_distance=base_distance,
            set_id=set_id,
            capture_time=frames[0].capture_time,
        ).pack()

    def acknowledge(self, report: ReceiverReport) -> None:
        """Learn which messages the receiver holds. Reports may come late, twice or never."""
        newest = extend_sequence(report.newest, self._next_sequence - 1, SEQUENCE_BITS)
        held = [newest]
        held += [newest - 1 - bit for bit in range(HELD_BITS) if report.held >> bit & 1]
        known = [sequence for sequence in held if sequence in self._sent]
        if known and (self._base is None or max(known) > self._base):
            self._base = max(known)

    def force_intra(self) -> None:
        """Predict from nothing sent so far: the receiver asked for a refresh."""
        self._sent.clear()
        self._base = None

    def _find_base(self, set_id: int, capture_time: int) -> tuple[int, _State | None]:
        """Distance in messages and state of the base; 0 and None: intra."""
        if self._base is None:
            return 0, None
        state = self._sent[self._base]
        elapsed_ms = ticks_difference(capture_time, state.capture_time) // TICKS_PER_MS
        if state.set_id != set_id or not 0 < elapsed_ms < FRAME_INTERVAL_MAX_MS:
            return 0, None
        return self._next_sequence - self._base, state

    def _remember(self, state: _State) -> None:
        self._sent[self._next_sequence] = state
        self._next_sequence += 1
        self._sent.pop(self._next_sequence - BASE_DISTANCE_MAX - 1, None)
        if self._base is not None and self._base not in self._sent:
            self._base = None


class FaceDecoder:
    """The receiver's side of one parameters channel; constant memory. Not thread-safe."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._history: dict[int, _State] = {}
        """By unwrapped sequence number: of the last HISTORY_MESSAGES, those that came."""

    def decode(self, message: bytes) -> DecodedMessage:
        """The frames of a message, which may come late or twice.

        Raises MissingBaseError for a message whose base is not held, BitstreamError for other
        bytes that are no valid message; either leaves the decoder as it was.
        """
        parsed = parse_parameter_message(message)
        sequence = self._unwrap(parsed)
        states = self._reconstruct(parsed, sequence)
        frames = tuple(state.parameters() for state in states)
        self._remember(sequence, states[-1])
        return DecodedMessage(
            frames=frames,
            set_id=states[-1].set_id,
            sequence=parsed.sequence,
            hold=parsed.hold,
            intra=parsed.intra,
        )

    def held(self) -> tuple[int, int] | None:
        """`newest` and `held` of a ReceiverReport; None before the first message."""
        if self._newest is None:
            return None
        bits = sum(1 << bit for bit in range(HELD_BITS) if self._newest - 1 - bit in self._history)
        return self._newest % (1 << SEQUENCE_BITS), bits

    def _unwrap(self, parsed: ParameterMessage) -> int:
        if self._newest is None:
            return parsed.sequence
        age = -sequence_difference(parsed.sequence, self._newest % (1 << SEQUENCE_BITS))
        if parsed.intra and abs(age) > _RESTART_DISTANCE:
            # Congruent, and so far ahead that nothing held can be named as a base.
            return self._newest - age + (1 << SEQUENCE_BITS)
        if age >= HISTORY_MESSAGES:
            raise BitstreamError(
                f"message {age} messages late, at most {HISTORY_MESSAGES - 1} are allowed"
            )
        return self._newest - age

    def _reconstruct(self, parsed: ParameterMessage, sequence: int) -> list[_State]:
        """The message's frames; the last one as a base for later messages."""
        coded = list(parsed.frames)
        if parsed.intra:
            first = coded.pop(0)
            base = _intra_state(first.residuals, parsed.capture_time, parsed.set_id)
            states = [base]
        else:
            held = self._history.get(sequence - parsed.base_distance)
            if held is None:
                raise MissingBaseError(
                    f"base {parsed.base_distance} messages before message {parsed.sequence} "
                    f"is not held"
                )
            base = held
            states = []
        for frame in coded:
            before = states[-1] if states else base
            frames_ahead = 1 if states else _frames_ahead(parsed.base_distance, len(coded))
            interval_ms = before.expected_interval_ms(frames_ahead) + frame.interval_residual_ms
            if not 1 <= interval_ms <= FRAME_INTERVAL_MAX_MS:
                raise BitstreamError(
                    f"frame {interval_ms} ms after its base, "
                    f"1 to {FRAME_INTERVAL_MAX_MS} are allowed"
                )
            states.append(before.next(frame.residuals, interval_ms))
        frame_count = _frames_since(parsed.base_distance, len(parsed.frames))
        states[-1] = states[-1].as_base(base, frame_count)
        return states

    def _remember(self, sequence: int, state: _State) -> None:
        if self._newest is None or sequence > self._newest:
            self._newest = sequence
            oldest = sequence - HISTORY_MESSAGES
            for old in [held for held in self._history if held <= oldest]:
                del self._history[old]
        self._history[sequence] = state


def _frames_ahead(base_distance: int, frame_count: int) -> int:
    """Frames from the base to the first frame of a message, were all messages as long."""
    return (base_distance - 1) * frame_count + 1


def _frames_since(base_distance: int, frame_count: int) -> int:
    """Frames from the base, or from the first frame of an intra message, to the last frame."""
    return base_distance * frame_count if base_distance else frame_count - 1
