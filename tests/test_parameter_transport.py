"""Messages ride in the sound when it comes in time, and never wait long."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sender.encoded_message import EncodedMessage
from sender.parameter_transport import (
    HOLD_OFF_NS,
    STUTTER_NS,
    ParameterTransport,
    TransportChoice,
)
from shared.in_band import IN_BAND_MESSAGE_MAX_BYTES, extract
from shared.metrics import Metrics
from shared.opus_padding import add_padding
from shared.webrtc.audio import OpusPacket

MS = 1_000_000
SOUND = bytes([11 << 3]) + b"voice"


def message(sequence: int, size: int = 14) -> EncodedMessage:
    return EncodedMessage(
        data=bytes([sequence + 1]) * size,
        sequence=sequence,
        capture_time=0,
        frame_count=1,
        hold=False,
    )


def packet(packet_ms: int, payload: bytes = SOUND) -> OpusPacket:
    return OpusPacket(payload, packet_ms * 48, 7)


class Sender:
    """A transport with sound at a steady rhythm, at 0 ms first."""

    def __init__(self, choice: TransportChoice, *, packet_ms: int = 60, reads: int = 1) -> None:
        self.metrics = Metrics()
        self.transport = ParameterTransport(choice, metrics=self.metrics)
        self.transport.receiver_reads(reads)
        self.packet_ms = packet_ms
        self.transport.load(packet(packet_ms), 0)

    def count(self, name: str, label: str = "") -> int:
        return self.metrics.snapshot().counters.get((name, label), 0)


@pytest.mark.parametrize("choice", [TransportChoice.IN_BAND, TransportChoice.AUTO])
def test_what_waits_rides_in_the_next_packet(choice: TransportChoice) -> None:
    sender = Sender(choice)
    assert sender.transport.take(message(0), 10 * MS) == ()
    assert sender.transport.take(message(1), 50 * MS) == ()
    assert sender.transport.has_waiting
    loaded = sender.transport.load(packet(60), 60 * MS)
    assert loaded.messages == (message(0), message(1))
    found = extract(loaded.packet.payload)
    assert (found.payload, found.messages) == (SOUND, (message(0).data, message(1).data))
    assert (loaded.packet.duration, loaded.packet.capture_time) == (2880, 7)
    assert not sender.transport.has_waiting
    assert sender.count("transport_messages", "inband") == 2
    assert sender.count("in_band_wait_ms") == 60
    assert sender.count("in_band_bytes") == 2 + 2 + 2 * 15
    empty = sender.transport.load(packet(60), 120 * MS)
    assert empty.packet.payload == SOUND


def test_the_data_channel_is_taken_by_choice_or_where_nothing_else_is_read() -> None:
    for sender in (
        Sender(TransportChoice.DATA_CHANNEL),
        Sender(TransportChoice.IN_BAND, reads=0),
        Sender(TransportChoice.AUTO, reads=0),
    ):
        assert sender.transport.take(message(0), 10 * MS) == (message(0),)
        assert not sender.transport.is_in_band(10 * MS)
        assert sender.transport.load(packet(60), 60 * MS).messages == ()


def test_no_sound_or_sound_that_stopped_carries_nothing() -> None:
    silent = ParameterTransport(TransportChoice.IN_BAND, metrics=Metrics())
    silent.receiver_reads(1)
    assert silent.take(message(0), 0) == (message(0),)
    sender = Sender(TransportChoice.IN_BAND)
    assert sender.transport.take(message(0), 86 * MS) == (message(0),)


@pytest.mark.parametrize(("packet_ms", "longest_ms"), [(20, 60), (40, 65), (60, 85)])
def test_a_message_that_waits_in_vain_goes_on_the_data_channel(
    packet_ms: int, longest_ms: int
) -> None:
    sender = Sender(TransportChoice.IN_BAND, packet_ms=packet_ms)
    sender.transport.take(message(0), 0)
    sender.transport.take(message(1), 40 * MS)
    assert sender.transport.overdue(longest_ms * MS) == ()
    assert sender.transport.overdue(longest_ms * MS + 1) == (message(0), message(1))
    assert not sender.transport.has_waiting
    assert sender.count("in_band_fallbacks", "wait") == 2


def test_sound_that_stutters_is_left_alone_by_auto_and_tried_again_by_inband() -> None:
    for choice, rides in ((TransportChoice.IN_BAND, True), (TransportChoice.AUTO, False)):
        sender = Sender(choice)
        now_ns = 0
        for is_first in (True, False):
            assert sender.transport.take(message(0), now_ns) == ()
            now_ns += 100 * MS
            assert sender.transport.overdue(now_ns)
            sender.transport.load(packet(60), now_ns)
            assert sender.transport.is_in_band(now_ns) is (is_first or rides)
        now_ns += HOLD_OFF_NS
        sender.transport.load(packet(60), now_ns)
        assert sender.transport.is_in_band(now_ns)


def test_a_wait_in_vain_now_and_then_changes_nothing() -> None:
    sender = Sender(TransportChoice.AUTO)
    for turn in range(4):
        now_ns = turn * STUTTER_NS
        sender.transport.load(packet(60), now_ns)
        assert sender.transport.take(message(turn), now_ns) == ()
        assert sender.transport.overdue(now_ns + 100 * MS)


def test_a_message_too_large_for_a_packet_goes_at_once() -> None:
    sender = Sender(TransportChoice.AUTO)
    fits, large = (message(n, IN_BAND_MESSAGE_MAX_BYTES + n) for n in (0, 1))
    assert sender.transport.take(large, MS) == (large,)
    assert sender.transport.take(fits, MS) == ()
    assert sender.transport.load(packet(60), 2 * MS).messages == (fits,)
    assert sender.count("in_band_fallbacks", "size") == 1


def test_what_does_not_fit_waits_for_the_packet_after() -> None:
    sender = Sender(TransportChoice.AUTO, packet_ms=20)
    for number in range(3):
        sender.transport.take(message(number, 24), MS)
    assert sender.transport.load(packet(20), 20 * MS).messages == (message(0, 24), message(1, 24))
    assert sender.transport.load(packet(20), 40 * MS).messages == (message(2, 24),)


def test_a_padded_packet_is_left_alone() -> None:
    sender = Sender(TransportChoice.AUTO)
    sender.transport.take(message(0), MS)
    padded = packet(60, add_padding(SOUND, bytes(9)))
    assert sender.transport.load(padded, 60 * MS).packet is padded
    assert sender.transport.overdue(100 * MS) == (message(0),)


@given(
    events=st.lists(st.tuples(st.integers(1, 90), st.booleans(), st.integers(1, 80)), max_size=60),
    choice=st.sampled_from(list(TransportChoice)),
)
@settings(deadline=None, max_examples=100)
def test_each_message_leaves_once_in_order_within_the_longest_wait(
    events: list[tuple[int, bool, int]], choice: TransportChoice
) -> None:
    transport = ParameterTransport(choice, metrics=Metrics())
    transport.receiver_reads(1)
    taken: dict[int, int] = {}
    left: list[int] = []
    now_ns = 0

    def leave(messages: tuple[EncodedMessage, ...]) -> None:
        for one in messages:
            assert now_ns - taken[one.sequence] <= 106 * MS  # 85, and 20 until it is asked
            left.append(one.sequence)

    for step_ms, is_sound, size in events:
        for _ in range(step_ms):
            now_ns += MS
            if now_ns // MS % 20 == 0:
                leave(transport.overdue(now_ns))
        if is_sound:
            leave(transport.load(packet(60), now_ns).messages)
        else:
            taken[len(taken)] = now_ns
            leave(transport.take(message(len(taken) - 1, size), now_ns))
    for _ in range(120):
        now_ns += MS
        if now_ns // MS % 20 == 0:
            leave(transport.overdue(now_ns))
    assert sorted(left) == list(range(len(taken)))
