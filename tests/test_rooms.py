"""Two parties a room; newer sessions replace older ones of the same party and role."""

import pytest

from receiver.rooms import Role, Rooms, Seat
from shared.errors import SignalingError


def seat(party: str, role: Role = Role.PUBLISH, room: str = "room") -> Seat:
    return Seat(room, party, role)


def test_each_party_plays_the_other_one() -> None:
    rooms = Rooms()
    rooms.enter(seat("ann"), "ann publishes")
    rooms.enter(seat("ann", Role.PLAY), "ann plays")
    assert rooms.publisher_for(seat("ann", Role.PLAY)) is None
    rooms.enter(seat("bob"), "bob publishes")
    rooms.enter(seat("bob", Role.PLAY), "bob plays")
    assert rooms.publisher_for(seat("ann", Role.PLAY)) == "bob publishes"
    assert rooms.publisher_for(seat("bob", Role.PLAY)) == "ann publishes"
    assert rooms.player_of(seat("ann")) == "bob plays"
    assert rooms.session_at(seat("ann")) == "ann publishes"


def test_a_third_party_is_refused_until_one_left() -> None:
    rooms = Rooms()
    rooms.enter(seat("ann"), "1")
    rooms.enter(seat("bob", Role.PLAY), "2")
    with pytest.raises(SignalingError, match="room room has 2 parties already") as caught:
        rooms.enter(seat("cleo"), "3")
    assert caught.value.status == 409
    assert rooms.leave(seat("bob", Role.PLAY), "2")
    assert rooms.enter(seat("cleo"), "3") is None


def test_a_newer_session_replaces_the_older_which_then_leaves_without_harm() -> None:
    rooms = Rooms()
    rooms.enter(seat("ann"), "old")
    assert rooms.enter(seat("ann"), "new") == "old"
    assert not rooms.leave(seat("ann"), "old")
    assert rooms.session_at(seat("ann")) == "new"


def test_empty_rooms_are_forgotten_and_their_number_is_limited() -> None:
    rooms = Rooms(max_rooms=1)
    rooms.enter(seat("ann"), "1")
    with pytest.raises(SignalingError, match="1 rooms are open, no more allowed") as caught:
        rooms.enter(seat("ann", room="other"), "2")
    assert caught.value.status == 503
    rooms.leave(seat("ann"), "1")
    assert len(rooms) == 0
    rooms.enter(seat("ann", room="other"), "2")
    assert not rooms.leave(seat("nobody"), "2")
