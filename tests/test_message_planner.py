"""Frames share messages, stillness stops them."""

import itertools

import numpy as np
import pytest

from sender.message_planner import MessagePlanner, OutgoingMessage
from shared.parameters import FaceParameters

FRAME_NS = 40_000_000


def face(index: int, *, moving: bool = True) -> FaceParameters:
    camera = np.zeros(7, np.float32)
    camera[0] = -1.0
    camera[4] = 0.05 * (index % 7) if moving else 0.0
    return FaceParameters(
        capture_time=index * 3600, expression=np.zeros(28, np.float32), camera=camera
    )


def planner_of(frames_per_message: int) -> MessagePlanner:
    planner = MessagePlanner()
    planner.frames_per_message = frames_per_message
    return planner


def feed(
    planner: MessagePlanner, count: int, *, start: int = 0, moving: bool = True, set_id: int = 0
) -> list[OutgoingMessage]:
    return [
        message
        for index in range(start, start + count)
        for message in planner.add(face(index, moving=moving), set_id, index * FRAME_NS)
    ]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_moving_face_sends_every_frame_once_in_order(frames: int) -> None:
    messages = feed(planner_of(frames), 30)
    times = [frame.capture_time for message in messages for frame in message.frames]
    assert times == [index * 3600 for index in range(30)]
    assert {len(message.frames) for message in messages} == {frames}
    assert not any(message.hold for message in messages)


def test_the_frame_before_is_sent_again_where_that_is_asked_for() -> None:
    planner = planner_of(1)
    planner.repeated = 1
    messages = feed(planner, 4) + feed(planner, 3, start=4, set_id=1)
    assert [message.repeated for message in messages] == [0, 1, 1, 1, 0, 1, 1]
    for before, message in itertools.pairwise(messages):
        assert len(message.frames) == 1 + message.repeated
        if message.repeated:
            assert message.frames[0] is before.frames[-1]


def test_nothing_from_before_a_pause_or_for_another_receiver_is_sent_again() -> None:
    planner = planner_of(1)
    planner.repeated = 1
    messages = feed(planner, 50, moving=False)
    assert messages[0].repeated == 0
    first_hold = next(i for i, message in enumerate(messages) if message.hold)
    assert [message.repeated for message in messages[first_hold:]] == [1, 0, 0]
    assert [message.repeated for message in feed(planner, 2, start=50)] == [0, 1]
    planner.restart()
    assert [message.repeated for message in feed(planner, 2, start=52)] == [0, 1]


def test_a_full_message_repeats_nothing() -> None:
    planner = planner_of(3)
    planner.repeated = 1
    assert {(len(m.frames), m.repeated) for m in feed(planner, 12)} == {(3, 0)}


def test_a_still_face_is_announced_and_then_kept_alive_once_a_second() -> None:
    messages = feed(planner_of(2), 250, moving=False)
    first_hold = next(i for i, message in enumerate(messages) if message.hold)
    assert messages[first_hold].frames[-1].capture_time == 15 * 3600  # 0.6 s
    after = messages[first_hold + 1 :]
    assert all(message.hold and len(message.frames) == 1 for message in after)
    assert len(after) == 10  # again at once, for the one may be lost; then 9.2 s
    assert after[0].frames[-1].capture_time == 19 * 3600


def test_motion_ends_the_pause_at_once() -> None:
    planner = planner_of(1)
    feed(planner, 50, moving=False)
    assert planner.holding
    messages = planner.add(face(3), 0, 50 * FRAME_NS)
    assert [message.hold for message in messages] == [False]


def test_a_lost_face_is_announced_once_and_kept_alive() -> None:
    planner = planner_of(2)
    feed(planner, 3)
    messages = [
        message
        for index in range(3, 60)
        for message in planner.face_gone(index * 3600, index * FRAME_NS)
    ]
    assert [message.hold for message in messages] == [True, True, True, True]
    assert messages[0].frames[-1].capture_time == 2 * 3600
    assert messages[1].frames[-1].capture_time > messages[0].frames[-1].capture_time


def test_no_face_yet_sends_nothing() -> None:
    planner = planner_of(2)
    assert planner.face_gone(0, 10**12) == []
    assert planner.poll(0, 10**12) == []


def test_frames_of_two_sets_never_share_a_message() -> None:
    planner = planner_of(3)
    feed(planner, 2)
    messages = planner.add(face(2), 1, 2 * FRAME_NS) + feed(planner, 2, start=3, set_id=1)
    assert [(message.set_id, len(message.frames)) for message in messages] == [(0, 2), (1, 3)]
