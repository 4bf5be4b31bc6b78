"""Frames share messages, stillness stops them, loss splits them."""

import numpy as np
import pytest

from sender.rate_control import MessagePlanner, OutgoingMessage, PackingControl
from shared.parameters import FaceParameters

FRAME_NS = 40_000_000


def face(index: int, *, moving: bool = True) -> FaceParameters:
    camera = np.zeros(7, np.float32)
    camera[0] = -1.0
    camera[4] = 0.05 * (index % 7) if moving else 0.0
    return FaceParameters(
        capture_time=index * 3600, expression=np.zeros(28, np.float32), camera=camera
    )


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
    messages = feed(MessagePlanner(PackingControl(frames)), 30)
    times = [frame.capture_time for message in messages for frame in message.frames]
    assert times == [index * 3600 for index in range(30)]
    assert {len(message.frames) for message in messages} == {frames}
    assert not any(message.hold for message in messages)


def test_a_still_face_is_announced_and_then_kept_alive_once_a_second() -> None:
    messages = feed(MessagePlanner(PackingControl()), 250, moving=False)
    first_hold = next(i for i, message in enumerate(messages) if message.hold)
    assert messages[first_hold].frames[-1].capture_time == 15 * 3600  # 0.6 s
    after = messages[first_hold + 1 :]
    assert all(message.hold and len(message.frames) == 1 for message in after)
    assert len(after) == 9  # 9.4 s


def test_motion_ends_the_pause_at_once() -> None:
    planner = MessagePlanner(PackingControl(1))
    feed(planner, 50, moving=False)
    assert planner.holding
    messages = planner.add(face(3), 0, 50 * FRAME_NS)
    assert [message.hold for message in messages] == [False]


def test_a_lost_face_is_announced_once_and_kept_alive() -> None:
    planner = MessagePlanner(PackingControl())
    feed(planner, 3)
    messages = [
        message
        for index in range(3, 60)
        for message in planner.face_gone(index * 3600, index * FRAME_NS)
    ]
    assert [message.hold for message in messages] == [True, True, True]
    assert messages[0].frames[-1].capture_time == 2 * 3600
    assert messages[1].frames[-1].capture_time > messages[0].frames[-1].capture_time


def test_no_face_yet_sends_nothing() -> None:
    planner = MessagePlanner(PackingControl())
    assert planner.face_gone(0, 10**12) == []
    assert planner.poll(0, 10**12) == []


def test_frames_of_two_sets_never_share_a_message() -> None:
    planner = MessagePlanner(PackingControl(3))
    feed(planner, 2)
    messages = planner.add(face(2), 1, 2 * FRAME_NS) + feed(planner, 2, start=3, set_id=1)
    assert [(message.set_id, len(message.frames)) for message in messages] == [(0, 2), (1, 3)]


def test_high_loss_splits_messages_until_it_was_low_for_a_while() -> None:
    packing = PackingControl()
    assert packing.frames_per_message == 2
    now = 0
    for _ in range(10):
        now += 400_000_000
        packing.report(0.3, now)
    assert packing.frames_per_message == 1
    for _ in range(8):
        now += 400_000_000
        packing.report(0.0, now)
    assert packing.frames_per_message == 1
    for _ in range(20):
        now += 400_000_000
        packing.report(0.0, now)
    assert packing.frames_per_message == 2


def test_the_users_choice_stands() -> None:
    packing = PackingControl(3)
    packing.report(1.0, 0)
    assert packing.frames_per_message == 3
