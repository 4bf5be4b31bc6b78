"""The picture follows the party's mode, with the first picture of the new kind."""

from receiver.picture_switch import VIDEO_STALLED_NS, PictureSwitch
from shared.control_message import CallMode
from shared.limits import MODE_CHANGE_MIN_NS

SECOND = 1_000_000_000
REBUILT, VIDEO = CallMode.REBUILT, CallMode.VIDEO


def switch(mode: CallMode, now_ns: int) -> PictureSwitch:
    """One that follows `mode` and shows it."""
    made = PictureSwitch()
    if mode is VIDEO:
        made.ask(VIDEO)
        assert made.settle(now_ns)
        assert made.show_video(now_ns)
    return made


def test_a_face_is_shown_until_video_comes_and_only_while_it_comes_is_it_rebuilt() -> None:
    one = switch(REBUILT, 0)
    assert one.rebuilds(0)
    one.receive_message(0)
    one.ask(VIDEO)
    assert one.settle(0)
    assert one.shown is REBUILT
    assert one.rebuilds(SECOND // 10)
    assert not one.rebuilds(SECOND)  # nothing comes: the last picture stays, not concealed
    one.receive_message(2 * SECOND)
    assert one.rebuilds(2 * SECOND)
    assert one.show_video(2 * SECOND)
    assert one.shown is VIDEO
    assert not one.rebuilds(2 * SECOND)
    assert not one.show_rebuilt(2 * SECOND)  # it was asked for before


def test_video_stays_until_a_face_comes_that_is_younger_than_the_mode() -> None:
    one = switch(VIDEO, 0)
    one.receive_message(SECOND)
    one.ask(REBUILT)
    assert one.settle(SECOND)
    assert one.mode is REBUILT
    assert one.shown is VIDEO
    assert not one.rebuilds(SECOND)
    assert not one.show_video(SECOND)
    assert one.receive_message(2 * SECOND)
    assert one.rebuilds(2 * SECOND)
    assert not one.receive_message(2 * SECOND + 1)
    assert one.show_rebuilt(2 * SECOND)
    assert one.shown is REBUILT
    assert not one.receive_message(9 * SECOND)  # concealment leads there


def test_video_that_stops_gives_way_to_a_face_that_comes() -> None:
    one = switch(VIDEO, 0)
    stalled_ns = VIDEO_STALLED_NS
    assert not one.rebuilds(stalled_ns)
    one.receive_message(stalled_ns)
    assert one.rebuilds(stalled_ns)
    assert one.show_rebuilt(stalled_ns)
    assert one.shown is REBUILT
    assert one.show_video(stalled_ns + 1)
    assert one.shown is VIDEO


def test_a_mind_that_changes_too_often_is_followed_at_a_pace_to_where_it_ends() -> None:
    one = PictureSwitch()
    changes = 0
    for step in range(1001):
        one.ask(VIDEO if step % 2 == 0 else REBUILT)
        changes += one.settle(step * SECOND // 500)
    assert changes <= 2 * SECOND // MODE_CHANGE_MIN_NS + 1
    assert one.settle(10 * SECOND) or one.mode is VIDEO
    assert one.mode is VIDEO
