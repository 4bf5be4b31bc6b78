"""Frames sent twice: where messages are lost they fill the gaps, elsewhere they change nothing."""

from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from receiver.frame_player import FramePlayer
from receiver.parameter_track import SampleKind
from sender.analysis import FaceAnalyser
from sender.analysis_worker import AnalysisWorker
from sender.capture import FrameSlot
from sender.message_planner import MessagePlanner
from sender.operating_point import CallLimits
from sender.parameter_transport import TransportChoice
from shared.clock import SystemClock
from shared.codec import DecodedMessage, FaceDecoder, FaceEncoder
from shared.metrics import Metrics
from shared.parameters import FaceParameters
from tests.simulated_call import SECOND, START_NS, SimulatedCall, link, rungs

PERIOD_NS, PERIOD_TICKS = 40_000_000, 3600
TRANSIT_NS = 50_000_000


def face(index: int) -> FaceParameters:
    vector = np.zeros(35, np.float32)
    vector[0] = np.sin(0.36 * index)
    vector[28] = -1.05
    vector[30] = 0.3 * np.sin(0.12 * index)
    return FaceParameters.from_vector(vector, capture_time=index * PERIOD_TICKS)


def repeating(count: int) -> list[DecodedMessage]:
    """One new frame a message, each sent twice."""
    planner, encoder, decoder = MessagePlanner(), FaceEncoder(), FaceDecoder()
    planner.frames_per_message = planner.repeated = 1
    messages = []
    for index in range(count):
        (planned,) = planner.add(face(index), 0, index * PERIOD_NS)
        data = encoder.encode(planned.frames, set_id=0, repeated=planned.repeated)
        messages.append(decoder.decode(data))
    return messages


def play(messages: list[DecodedMessage], lost: frozenset[int] = frozenset()) -> FramePlayer:
    """The player after the last message; those lost do not come."""
    player = FramePlayer()
    for index, message in enumerate(messages):
        if index in lost:
            continue
        arrival_ns = index * PERIOD_NS + TRANSIT_NS
        advance(player, arrival_ns)
        assert player.receive(message, arrival_ns)
    return player


def advance(player: FramePlayer, end_ns: int) -> list[FaceParameters]:
    """What the last period shows."""
    shown = []
    for now_ns in range(end_ns - PERIOD_NS, end_ns, PERIOD_NS // 10):
        due_ns = player.next_due_ns(now_ns)
        if due_ns is not None and due_ns <= now_ns:
            tick = player.tick(now_ns)
            player.playout.begin(now_ns)
            if tick is not None:
                shown.append(tick[1].parameters)
    return shown


def test_a_frame_that_is_known_already_changes_nothing() -> None:
    with_repeats, without = FramePlayer(), FramePlayer()
    ticks = 0
    for index, message in enumerate(repeating(100)):
        assert message.repeated == (index > 0)
        bare = replace(message, frames=message.frames[message.repeated :], repeated=0)
        arrival_ns = index * PERIOD_NS + TRANSIT_NS
        shown = advance(with_repeats, arrival_ns)
        expected = advance(without, arrival_ns)
        ticks += len(shown)
        for one, other in zip(shown, expected, strict=True):
            np.testing.assert_array_equal(one.vector, other.vector)
        assert with_repeats.receive(message, arrival_ns)
        assert without.receive(bare, arrival_ns)
        assert with_repeats.playout.delay_ms == without.playout.delay_ms
    assert ticks > 90
    assert with_repeats.counts.exact == without.counts.exact == ticks


def test_what_one_lost_message_held_comes_with_the_next() -> None:
    messages = repeating(500)
    lost = frozenset(range(3, 500, 5))
    bare = [replace(m, frames=m.frames[m.repeated :], repeated=0) for m in messages]
    plain, filled = play(bare, lost).counts, play(messages, lost).counts
    assert plain.exact < 0.82 * plain.total
    # Before the receiver knows of the loss, a gap is guessed at.
    assert filled.exact > 0.94 * filled.total


@pytest.mark.parametrize("transport", [TransportChoice.AUTO, TransportChoice.DATA_CHANNEL])
def test_frames_are_sent_twice_while_many_messages_are_lost(transport: TransportChoice) -> None:
    call = SimulatedCall(CallLimits(has_sound=True), link(loss=0.2), transport=transport)
    call.run(60)
    assert call.rate.point.repeated == 1
    kinds = [shown.kind for shown in call.record.shown if shown.now_ns > START_NS + 15 * SECOND]
    assert kinds.count(SampleKind.EXACT) > 0.9 * len(kinds)  # 0.8 without
    assert call.metrics.snapshot().counters.get(("in_band_fallbacks", "size"), 0) == 0
    call.impair(link())
    call.run(12)
    assert call.rate.point.repeated == 0
    assert len({point.repeated for point in rungs(call, after_s=60)}) <= 2


def test_each_frame_is_counted_once() -> None:
    metrics = Metrics()
    worker = AnalysisWorker(
        cast(FaceAnalyser, None),
        FrameSlot(metrics),
        clock=SystemClock(),
        metrics=metrics,
        on_output=lambda output: None,
        on_failure=lambda error: None,
    )
    planner = MessagePlanner()
    planner.frames_per_message = planner.repeated = 1
    planned = [message for i in range(9) for message in planner.add(face(i), 0, i * PERIOD_NS)]
    encoded = worker._encode(planned)
    assert [message.frame_count for message in encoded] == [1] + 8 * [2]
    counters = metrics.snapshot().counters
    assert counters[("frames_sent", "")] == 9
    assert counters[("messages_sent", "")] == 9
