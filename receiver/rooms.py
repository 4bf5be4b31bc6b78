"""Who is in which room. Pure: it knows identifiers, no connections.

A room has two parties. Each party has at most one session that publishes and one that plays;
a newer one of the same kind replaces the older. What a party plays is the other one's stream.
"""

from dataclasses import dataclass, field
from enum import Enum

from shared.errors import SignalingError

PARTIES_PER_ROOM = 2

RETRY_AFTER_SECONDS = 30
"""What a refused party is told to wait: calls end, but not by the second."""


class Role(Enum):
    """What a session is for."""

    PUBLISH = "publish"
    PLAY = "play"


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a session sits."""

    room: str
    party: str
    role: Role


@dataclass(slots=True)
class _Room:
    sessions: dict[tuple[str, Role], str] = field(default_factory=dict)
    """(party, role) -> session id."""

    @property
    def parties(self) -> set[str]:
        return {party for party, _ in self.sessions}


class Rooms:
    """Every room with somebody in it; empty ones are forgotten."""

    def __init__(self, *, max_rooms: int = 64) -> None:
        self._rooms: dict[str, _Room] = {}
        self._max_rooms = max_rooms

    def check(self, seat: Seat) -> None:
        """Raises SignalingError(409) for a third party, (503) for one room too many."""
        room = self._rooms.get(seat.room)
        if room is None:
            if len(self._rooms) >= self._max_rooms:
                raise SignalingError(
                    503,
                    f"{self._max_rooms} rooms are open, no more allowed",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                )
        elif seat.party not in room.parties and len(room.parties) >= PARTIES_PER_ROOM:
            raise SignalingError(409, f"room {seat.room} has {PARTIES_PER_ROOM} parties already")

    def enter(self, seat: Seat, session_id: str) -> str | None:
        """Take the seat; returns the session that sat there, which is now out.

        Raises SignalingError as `check` does.
        """
        self.check(seat)
        sessions = self._rooms.setdefault(seat.room, _Room()).sessions
        replaced = sessions.get((seat.party, seat.role))
        sessions[seat.party, seat.role] = session_id
        return replaced

    def leave(self, seat: Seat, session_id: str) -> bool:
        """Free the seat; False when the session does not sit there (any more)."""
        if self.session_at(seat) != session_id:
            return False
        room = self._rooms[seat.room]
        del room.sessions[seat.party, seat.role]
        if not room.sessions:
            del self._rooms[seat.room]
        return True

    def session_at(self, seat: Seat) -> str | None:
        """The session that sits there."""
        room = self._rooms.get(seat.room)
        return None if room is None else room.sessions.get((seat.party, seat.role))

    def publisher_for(self, seat: Seat) -> str | None:
        """The session that publishes what the party of `seat` plays."""
        return self._opposite(seat, Role.PUBLISH)

    def player_of(self, seat: Seat) -> str | None:
        """The session that plays what the party of `seat` publishes."""
        return self._opposite(seat, Role.PLAY)

    def _opposite(self, seat: Seat, role: Role) -> str | None:
        room = self._rooms.get(seat.room)
        if room is None:
            return None
        others = (
            session
            for (party, held), session in room.sessions.items()
            if held is role and party != seat.party
        )
        return next(others, None)

    def __len__(self) -> int:
        return len(self._rooms)
