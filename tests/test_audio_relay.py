import random

from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.audio_relay import MAX_PACKETS, AudioRelay
from shared.clock import TICKS_MODULUS, ticks_difference
from shared.metrics import Metrics
from shared.webrtc.audio import OpusPacket

MS = 1_000_000
PTIME_TICKS = 1800
START = TICKS_MODULUS - 5 * PTIME_TICKS


def packet(index: int) -> OpusPacket:
    capture_time = (START + index * PTIME_TICKS) % TICKS_MODULUS
    return OpusPacket(payload=b"x", duration=960, capture_time=capture_time)


def due_at(capture_time: int) -> int:
    """70 ms after capture; packet 0 is captured at 0 ns."""
    return ticks_difference(capture_time, START) * 100_000 // 9 + 70 * MS


def test_packets_leave_with_their_picture_and_late_ones_at_once() -> None:
    relay = AudioRelay(metrics=Metrics(), release_ns=due_at)
    relay.receive(packet(0))
    relay.receive(packet(1))
    assert relay.next_due_ns(0) == 70 * MS
    assert relay.release(69 * MS) == []
    assert relay.release(70 * MS) == [packet(0)]
    assert relay.release(200 * MS) == [packet(1)]
    relay.receive(packet(2))
    assert relay.release(200 * MS) == [packet(2)]


def test_one_behind_what_is_out_is_dropped() -> None:
    metrics = Metrics()
    relay = AudioRelay(metrics=metrics, release_ns=due_at)
    relay.receive(packet(1))
    assert relay.release(300 * MS) == [packet(1)]
    relay.receive(packet(0))
    relay.receive(packet(1))
    assert len(relay) == 0
    assert metrics.snapshot().counters["drops", "audio_late"] == 2


def test_without_a_picture_nothing_waits() -> None:
    relay = AudioRelay(metrics=Metrics(), release_ns=lambda capture_time: None)
    relay.receive(packet(0))
    assert relay.release(5) == [packet(0)]


def test_a_badly_dated_packet_does_not_wait() -> None:
    relay = AudioRelay(metrics=Metrics(), release_ns=lambda capture_time: 10**12)
    relay.receive(packet(0))
    assert relay.release(0) == [packet(0)]


def test_too_many_give_up_the_oldest() -> None:
    metrics = Metrics()
    relay = AudioRelay(metrics=metrics, release_ns=lambda capture_time: 900 * MS)
    for index in range(MAX_PACKETS + 3):
        relay.receive(packet(index))
    assert len(relay) == MAX_PACKETS
    assert relay.release(900 * MS)[0] == packet(3)
    assert metrics.snapshot().counters["drops", "audio_overflow"] == 3


@given(seed=st.integers(0, 2**31), wander_ms=st.integers(-20, 20))
@settings(max_examples=30, deadline=None)
def test_in_order_whatever_the_order_of_arrival_and_the_delay(seed: int, wander_ms: int) -> None:
    rng = random.Random(seed)
    shift_ms = 0.0
    relay = AudioRelay(
        metrics=Metrics(), release_ns=lambda capture_time: due_at(capture_time) + int(shift_ms * MS)
    )
    arrivals = sorted(
        (index * 20 * MS + rng.randint(0, 90) * MS, index)
        for index in range(200)
        if rng.random() > 0.2
    )
    out: list[OpusPacket] = []
    for now_ns, index in arrivals:
        shift_ms += wander_ms / 100
        relay.receive(packet(index))
        out += relay.release(now_ns)
    out += relay.release(10**12)
    times = [ticks_difference(released.capture_time, START) for released in out]
    assert times == sorted(set(times))
    assert len(out) > 100
