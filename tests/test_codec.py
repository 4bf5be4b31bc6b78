"""The parameter codec over a channel that loses, reorders and repeats: never a wrong frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shared.clock import ticks_difference
from shared.codec import HISTORY_MESSAGES, FaceDecoder, FaceEncoder
from shared.errors import BitstreamError, InferenceError, MissingBaseError
from shared.parameters import FaceParameters
from shared.quantization import PARAMETER_QUANTIZERS, Precision
from shared.receiver_report import ReceiverReport


def face(seed: int, capture_time: int) -> FaceParameters:
    """A face that any seed decides."""
    random = np.random.default_rng(seed)
    vector = random.normal(size=35).astype(np.float32)
    vector[28:] *= 0.3
    return FaceParameters.from_vector(vector, capture_time=capture_time % 2**32)


def report(decoder: FaceDecoder) -> ReceiverReport:
    held = decoder.held()
    assert held is not None
    return ReceiverReport(newest=held[0], held=held[1], delay_ms=0, transit_ms=0)


def assert_same(received: tuple[FaceParameters, ...], expected: tuple[FaceParameters, ...]) -> None:
    assert len(received) == len(expected)
    for one, other in zip(received, expected, strict=True):
        assert one.capture_time == other.capture_time
        assert one.vector.tobytes() == other.vector.tobytes()


class LossyCall(RuleBasedStateMachine):
    """Any order of sending, losing, repeating, reporting and refreshing."""

    @initialize(
        first_sequence=st.sampled_from([0, 65_500, 32_760]),
        start=st.sampled_from([0, 2**32 - 100_000]),
    )
    def start(self, first_sequence: int, start: int) -> None:
        self.encoder = FaceEncoder(first_sequence=first_sequence)
        self.decoder = FaceDecoder()
        self.time = start
        self.on_the_way: list[tuple[bytes, tuple[FaceParameters, ...], int]] = []
        self.reports: list[ReceiverReport] = []
        self.set_id = 0
        self.newest: FaceParameters | None = None

    @rule(
        seed=st.integers(0, 50),
        count=st.integers(1, 3),
        interval_ms=st.sampled_from([1, 33, 40, 40, 40, 1000, 70_000]),
    )
    def send(self, seed: int, count: int, interval_ms: int) -> None:
        frames = []
        for index in range(count):
            self.time += interval_ms * 90 + seed % 3
            frames.append(face(seed + index, self.time))
        repeated = 0
        if self.newest is not None and count < 3 and seed % 2 == 0:
            frames, repeated = [self.newest, *frames], 1
        self.newest = frames[-1]
        message = self.encoder.encode(frames, set_id=self.set_id, repeated=repeated)
        frames = frames[len(frames) - len(self.encoder.reconstructed) :]
        assert len(message) <= 256
        reconstructed = self.encoder.reconstructed
        for frame, decoded in zip(frames, reconstructed, strict=True):
            if interval_ms < 60_000:
                assert abs(ticks_difference(frame.capture_time, decoded.capture_time)) <= 45
        self.on_the_way.append((message, reconstructed, self.set_id))

    @rule(count=st.sampled_from([5, 63, 64, 130]))
    def send_into_the_void(self, count: int) -> None:
        for index in range(count):
            self.time += 3600
            self.encoder.encode([face(index, self.time)], set_id=self.set_id)

    @rule(index=st.integers(0, 10**6), keep=st.booleans())
    def deliver(self, index: int, keep: bool) -> None:
        if not self.on_the_way:
            return
        index %= len(self.on_the_way)
        message, expected, set_id = self.on_the_way[index]
        if not keep:
            del self.on_the_way[index]
        try:
            decoded = self.decoder.decode(message)
        except BitstreamError:
            return
        assert_same(decoded.frames, expected)
        assert decoded.set_id == set_id

    @rule()
    def deliver_newest(self) -> None:
        """On time, a message always decodes: its base was reported as held."""
        if self.on_the_way and self.on_the_way[-1][1] is self.encoder.reconstructed:
            message, expected, _ = self.on_the_way.pop()
            assert_same(self.decoder.decode(message).frames, expected)

    @rule()
    def write_report(self) -> None:
        if self.decoder.held() is not None:
            self.reports.append(ReceiverReport.parse(report(self.decoder).pack()))

    @rule(index=st.integers(0, 10**6), keep=st.booleans())
    def deliver_report(self, index: int, keep: bool) -> None:
        if self.reports:
            index %= len(self.reports)
            self.encoder.acknowledge(self.reports[index])
            if not keep:
                del self.reports[index]

    @rule()
    def refresh(self) -> None:
        self.encoder.force_intra()

    @rule()
    def move_crop(self) -> None:
        self.set_id = (self.set_id + 1) % 256

    @rule(precision=st.sampled_from(Precision))
    def change_precision(self, precision: Precision) -> None:
        self.encoder.precision = precision

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.decoder._history) <= HISTORY_MESSAGES
        assert len(self.encoder._sent) <= HISTORY_MESSAGES


TestLossyCall = LossyCall.TestCase
TestLossyCall.settings = settings(deadline=None, max_examples=40, stateful_step_count=40)


def _call(messages: int, *, sequence: int = 0) -> tuple[FaceEncoder, FaceDecoder, list[bytes]]:
    encoder, decoder = FaceEncoder(first_sequence=sequence), FaceDecoder()
    sent = []
    for index in range(messages):
        frames = [face(index, 7200 * index), face(index + 1, 7200 * index + 3600)]
        sent.append(encoder.encode(frames, set_id=0))
        decoder.decode(sent[-1])
        encoder.acknowledge(report(decoder))
    return encoder, decoder, sent


def test_intra_until_the_receiver_holds_something() -> None:
    encoder, decoder = FaceEncoder(), FaceDecoder()
    for index in range(3):
        message = encoder.encode([face(0, 3600 * index)], set_id=5)
        assert decoder.decode(message).intra
    encoder.acknowledge(report(decoder))
    decoded = decoder.decode(encoder.encode([face(0, 4 * 3600)], set_id=5, hold=True))
    assert not decoded.intra
    assert decoded.hold
    assert decoded.set_id == 5


def test_another_set_and_a_refresh_begin_with_intra() -> None:
    encoder, decoder, _ = _call(3)
    assert decoder.decode(encoder.encode([face(1, 10**6)], set_id=1)).intra
    encoder.acknowledge(report(decoder))
    assert not decoder.decode(encoder.encode([face(1, 2 * 10**6)], set_id=1)).intra
    encoder.force_intra()
    late = report(decoder)
    encoder.acknowledge(late)
    assert decoder.decode(encoder.encode([face(1, 3 * 10**6)], set_id=1)).intra


def test_a_base_that_is_not_held_is_told() -> None:
    _, _, sent = _call(3)
    decoder = FaceDecoder()
    decoder.decode(sent[0])
    with pytest.raises(MissingBaseError, match=r"^base 1 messages before message 2 is not held$"):
        decoder.decode(sent[2])


def test_a_lost_receiver_gets_intra_again() -> None:
    encoder, _, _ = _call(3)
    fresh = FaceDecoder()
    for index in range(70):
        message = encoder.encode([face(index, 10**6 + 3600 * index)], set_id=0)
    assert fresh.decode(message).intra


def test_a_message_later_than_the_history_is_refused() -> None:
    encoder, decoder, sent = _call(HISTORY_MESSAGES + 1)
    with pytest.raises(
        BitstreamError, match=r"^message 128 messages late, at most 127 are allowed"
    ):
        decoder.decode(sent[0])
    assert not decoder.decode(encoder.encode([face(3, 10**6)], set_id=0)).intra


def test_sequence_wraps_and_a_repeat_says_the_same() -> None:
    _, decoder, sent = _call(80, sequence=65_500)
    once = decoder.decode(sent[-1])
    again = decoder.decode(sent[-1])
    assert once.sequence == (65_500 + 79) % 65_536
    assert_same(once.frames, again.frames)


def test_a_failed_message_changes_nothing() -> None:
    encoder, decoder, sent = _call(4)
    before = decoder.held()
    for cut in range(len(sent[-1])):
        probe = bytes([0x4F, 0xFF]) + sent[-1][2:cut]
        with pytest.raises(BitstreamError):
            decoder.decode(probe)
    assert decoder.held() == before
    assert decoder.decode(encoder.encode([face(0, 10**6)], set_id=0)).frames


def test_parameters_that_are_not_finite_are_refused_and_the_call_goes_on() -> None:
    encoder, decoder, _ = _call(2)
    vector = np.full(35, np.nan, np.float32)
    with pytest.raises(InferenceError):
        encoder.encode([FaceParameters.from_vector(vector, capture_time=10**6)], set_id=0)
    assert decoder.decode(encoder.encode([face(0, 10**6)], set_id=0)).frames


@pytest.mark.parametrize("precision", Precision)
def test_a_change_of_precision_begins_with_intra(precision: Precision) -> None:
    encoder, decoder, _ = _call(3)
    encoder.precision = precision
    decoded = decoder.decode(encoder.encode([face(1, 10**6)], set_id=0))
    assert decoded.intra is (precision is not Precision.STANDARD)
    encoder.acknowledge(report(decoder))
    frame = face(2, 10**6 + 3600)
    decoded = decoder.decode(encoder.encode([frame], set_id=0))
    assert not decoded.intra
    assert_same(decoded.frames, encoder.reconstructed)
    steps = PARAMETER_QUANTIZERS[precision].steps
    error = np.abs(decoded.frames[0].vector - frame.vector)[:34] / steps
    assert error.max() < 3.0
    assert error.mean() < 0.6


def test_a_still_face_takes_a_few_bytes() -> None:
    """A keep-alive a second, of a face that does not move, is far below half a kilobit."""
    encoder, decoder = FaceEncoder(), FaceDecoder()
    vector = np.zeros(35, np.float32)
    vector[28] = -1.0
    sizes = []
    for index in range(20):
        still = FaceParameters.from_vector(vector, capture_time=90_000 * index)
        message = encoder.encode([still], set_id=0, hold=True)
        assert decoder.decode(message).hold
        encoder.acknowledge(report(decoder))
        sizes.append(len(message))
    assert max(sizes[3:]) <= 8


def test_repeated_frames_come_out_alike_unless_they_are_held() -> None:
    encoder, decoder, _ = _call(2)
    frames = [face(index, 999_000 + 3600 * index) for index in range(4)]
    decoder.decode(encoder.encode(frames[:1], set_id=0))
    decoded = decoder.decode(encoder.encode(frames[:2], set_id=0, repeated=1))
    assert decoded.repeated == 1
    assert_same(decoded.frames, encoder.reconstructed)
    assert [frame.capture_time for frame in decoded.frames] == [999_000, 1_002_600]
    encoder.acknowledge(report(decoder))
    decoded = decoder.decode(encoder.encode(frames[1:3], set_id=0, repeated=1))
    assert decoded.repeated == 0
    assert [frame.capture_time for frame in decoded.frames] == [1_006_200]


def test_a_message_from_long_ago_is_refused_however_its_number_wraps() -> None:
    encoder, decoder, _ = _call(3)
    old = encoder.encode([face(0, 10**6)], set_id=0)
    later = FaceEncoder(first_sequence=encoder.next_sequence + 1890)
    assert decoder.decode(later.encode([face(1, 2 * 10**6)], set_id=0)).intra
    with pytest.raises(BitstreamError, match=r"^message 1891 messages late, at most 127"):
        decoder.decode(old)


@given(
    signs=st.lists(st.lists(st.sampled_from([-1, 1]), min_size=35, max_size=35), min_size=3),
    precision=st.sampled_from(Precision),
)
@settings(max_examples=40, deadline=None)
def test_faces_that_jump_from_end_to_end_in_a_millisecond_are_read_again(
    signs: list[list[int]], precision: Precision
) -> None:
    encoder, decoder = FaceEncoder(precision=precision), FaceDecoder()
    for time, sign in enumerate(signs):
        vector = (1e6 * np.array(sign)).astype(np.float32)
        frame = FaceParameters.from_vector(vector, capture_time=90 * time)
        decoded = decoder.decode(encoder.encode([frame], set_id=0))
        assert_same(decoded.frames, encoder.reconstructed)
        encoder.acknowledge(report(decoder))
