"""Face parameters to messages and back, over a channel that loses, reorders and repeats them.

A message is predicted only from a message that the receiver has said it holds, so that no loss
pattern corrupts a later frame; inside a message each frame is predicted from the one before.
Prediction is integer arithmetic on symbols and on time: both ends agree bit for bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.clock import ticks_difference
from shared.entropy import RangeDecoder, RangeEncoder
from shared.errors import BitstreamError, MissingBaseError
from shared.frame_chain import TICKS_PER_MS, ChainState, decode_first, encode_first
from shared.limits import FRAME_INTERVAL_MAX_MS, FRAMES_PER_MESSAGE_MAX
from shared.parameter_message import (
    BASE_DISTANCE_MAX,
    HEADER_BYTES,
    HEADER_SEQUENCE_BITS,
    SEQUENCE_BITS,
    USUAL_LAYOUT,
    FrameLayout,
    IntraPrefix,
    MessageKind,
    decode_base_distance,
    decode_layout,
    encode_base_distance,
    encode_layout,
    header_sequence,
    message_kind,
    pack_header,
)
from shared.parameters import FaceParameters
from shared.quantization import Precision
from shared.receiver_report import HELD_BITS, ReceiverReport
from shared.sequence import extend_sequence, sequence_difference

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
    repeated: int = 0
    """The first so many frames were sent before, in case that message was lost."""


class FaceEncoder:
    """The sender's side of one parameters channel, for its whole life. Not thread-safe."""

    def __init__(
        self, *, first_sequence: int = 0, precision: Precision = Precision.STANDARD
    ) -> None:
        self.precision = precision
        """Of the next message; a change makes it intra."""

        self._next_sequence = first_sequence
        self._sent: dict[int, ChainState] = {}
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

    def encode(
        self,
        frames: Sequence[FaceParameters],
        *,
        set_id: int,
        hold: bool = False,
        repeated: int = 0,
    ) -> bytes:
        """One message of 1 to 3 frames, oldest first; capture times are kept to a millisecond.

        Intra unless the receiver is known to hold a recent message of the same set and precision.
        `hold`: the last message before a pause. `repeated`: the first so many frames, fewer than
        all, were in the message before; those that the receiver is known to hold are left out.
        Raises InferenceError when a parameter is not finite.
        """
        assert 0 <= repeated < len(frames) <= FRAMES_PER_MESSAGE_MAX
        encoder = RangeEncoder()
        distance, base = self._find_base(set_id, frames[repeated])
        states: list[ChainState] = []
        if base is None:
            layout = FrameLayout(len(frames), repeated)
            IntraPrefix(self.next_sequence, set_id, frames[0].capture_time, self.precision).encode(
                encoder
            )
            encode_layout(encoder, layout, hold=hold, expected=USUAL_LAYOUT)
            base = encode_first(encoder, frames[0], precision=self.precision, set_id=set_id)
            states.append(base)
        else:
            while repeated and _elapsed_ms(base, frames[0]) <= 0:
                frames, repeated = frames[1:], repeated - 1
            layout = FrameLayout(len(frames), repeated)
            encode_base_distance(encoder, distance)
            encode_layout(encoder, layout, hold=hold, expected=base.layout)
        for frame in frames[len(states) :]:
            before = states[-1] if states else base
            ahead = 1 if states else layout.frames_ahead(distance)
            states.append(before.encode_next(encoder, frame, frames_ahead=ahead))
        kind = MessageKind.PREDICTED if distance else MessageKind.INTRA
        self._reconstructed = tuple(state.parameters() for state in states)
        message = pack_header(kind, self._next_sequence) + encoder.finish()
        self._remember(states[-1].as_base(base, distance, layout))
        return message

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

    def _find_base(self, set_id: int, first_new: FaceParameters) -> tuple[int, ChainState | None]:
        """Distance in messages and state of the base; 0 and None: intra."""
        if self._base is None:
            return 0, None
        state = self._sent[self._base]
        elapsed_ms = _elapsed_ms(state, first_new)
        is_alike = state.set_id == set_id and state.frame.precision == self.precision
        if not is_alike or not 0 < elapsed_ms < FRAME_INTERVAL_MAX_MS:
            return 0, None
        return self._next_sequence - self._base, state

    def _remember(self, state: ChainState) -> None:
        self._sent[self._next_sequence] = state
        self._next_sequence += 1
        self._sent.pop(self._next_sequence - BASE_DISTANCE_MAX - 1, None)
        if self._base is not None and self._base not in self._sent:
            self._base = None


class FaceDecoder:
    """The receiver's side of one parameters channel; constant memory. Not thread-safe."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._history: dict[int, ChainState] = {}
        """By unwrapped sequence number: of the last HISTORY_MESSAGES, those that came."""

    def decode(self, message: bytes) -> DecodedMessage:
        """The frames of a message, which may come late or twice.

        Raises MissingBaseError for a message whose base is not held, BitstreamError for other
        bytes that are no valid message; either leaves the decoder as it was.
        """
        low = header_sequence(message)
        decoder = RangeDecoder(message[HEADER_BYTES:])
        states: list[ChainState] = []
        distance = 0
        if message_kind(message) is MessageKind.INTRA:
            prefix = IntraPrefix.decode(decoder, low)
            sequence = self._unwrap_intra(prefix.sequence)
            layout, hold = decode_layout(decoder, expected=USUAL_LAYOUT)
            base = decode_first(
                decoder,
                precision=prefix.precision,
                set_id=prefix.set_id,
                capture_time=prefix.capture_time,
            )
            states.append(base)
        else:
            sequence = self._unwrap_predicted(low)
            distance = decode_base_distance(decoder)
            base = self._held_base(sequence, distance)
            layout, hold = decode_layout(decoder, expected=base.layout)
        while len(states) < layout.frame_count:
            before = states[-1] if states else base
            ahead = 1 if states else layout.frames_ahead(distance)
            states.append(before.decode_next(decoder, frames_ahead=ahead))
        decoder.finish()
        frames = tuple(state.parameters() for state in states)
        last = states[-1].as_base(base, distance, layout)
        self._remember(sequence, last)
        return DecodedMessage(
            frames=frames,
            set_id=last.set_id,
            sequence=sequence % (1 << SEQUENCE_BITS),
            hold=hold,
            intra=distance == 0,
            repeated=layout.repeated,
        )

    def held(self) -> tuple[int, int] | None:
        """`newest` and `held` of a ReceiverReport; None before the first message."""
        if self._newest is None:
            return None
        bits = sum(1 << bit for bit in range(HELD_BITS) if self._newest - 1 - bit in self._history)
        return self._newest % (1 << SEQUENCE_BITS), bits

    def _unwrap_intra(self, sequence: int) -> int:
        if self._newest is None:
            return sequence
        age = -sequence_difference(sequence, self._newest % (1 << SEQUENCE_BITS))
        if abs(age) > _RESTART_DISTANCE:
            # Congruent, and so far ahead that nothing held can be named as a base.
            return self._newest - age + (1 << SEQUENCE_BITS)
        return self._newest - self._checked(age)

    def _unwrap_predicted(self, low: int) -> int:
        if self._newest is None:
            raise MissingBaseError("predicted from a message that is not held: none is")
        modulus = 1 << HEADER_SEQUENCE_BITS
        ahead = (low - self._newest) % modulus
        # Its base is held or was, so it lies no further ahead of the newest than of that.
        return self._newest - self._checked(
            modulus - ahead if ahead > BASE_DISTANCE_MAX else -ahead
        )

    def _checked(self, age: int) -> int:
        if age >= HISTORY_MESSAGES:
            raise BitstreamError(
                f"message {age} messages late, at most {HISTORY_MESSAGES - 1} are allowed"
            )
        return age

    def _held_base(self, sequence: int, distance: int) -> ChainState:
        base = self._history.get(sequence - distance)
        if base is None:
            raise MissingBaseError(
                f"base {distance} messages before message {sequence % (1 << SEQUENCE_BITS)} "
                f"is not held"
            )
        return base

    def _remember(self, sequence: int, state: ChainState) -> None:
        if self._newest is None or sequence > self._newest:
            self._newest = sequence
            oldest = sequence - HISTORY_MESSAGES
            for old in [held for held in self._history if held <= oldest]:
                del self._history[old]
        self._history[sequence] = state


def _elapsed_ms(base: ChainState, frame: FaceParameters) -> int:
    return ticks_difference(frame.capture_time, base.capture_time) // TICKS_PER_MS
