"""Every session of this receiver: opened, seated, joined with the other party, ended."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from functools import partial

from receiver.published_stream import OpenStream, PublishedStream, PublisherLink
from receiver.rooms import Role, Rooms, Seat
from receiver.session import Session
from receiver.status_message import PlayerStatus
from receiver.tokens import Grant
from receiver.whep import WhepSession
from receiver.whip import WhipSession
from shared.clock import Clock
from shared.control_message import ByeReason
from shared.errors import SignalingError
from shared.metrics import Metrics
from shared.webrtc.ice_servers import IceServer
from shared.webrtc.turn_credentials import TurnSecret

logger = logging.getLogger(__name__)

DescribeStatus = Callable[[WhipSession | None, WhepSession], PlayerStatus]
"""What a viewer is told about the session that it watches, None while nobody publishes."""


class Calls:
    """The registry. All methods belong to the event loop."""

    def __init__(
        self,
        *,
        open_stream: OpenStream,
        describe: DescribeStatus,
        clock: Clock,
        metrics: Metrics,
        admit: Callable[[], None] = lambda: None,
        ice_servers: tuple[IceServer, ...] = (),
        turn: TurnSecret | None = None,
        max_rooms: int = 64,
        fallback_video_max_bps: int = 300_000,
    ) -> None:
        """`admit()` raises SignalingError when no more pictures can be rebuilt."""
        self._admit = admit
        self._ice_servers = ice_servers
        self._turn = turn
        self._open_stream = open_stream
        self._describe = describe
        self._clock = clock
        self._metrics = metrics
        self._rooms = Rooms(max_rooms=max_rooms)
        self._fallback_video_max_bps = fallback_video_max_bps
        self._sessions: dict[str, Session] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._shut = False

    def ice_servers(self, party: str) -> tuple[IceServer, ...]:
        """Those of a connection that begins now, with credentials of that party."""
        if self._turn is None:
            return self._ice_servers
        return self._ice_servers + self._turn.servers(party, now=time.time())

    def has_session(self, grant: Grant) -> bool:
        """Whether the party of a grant is in its room, here."""
        seats = ((session.seat.room, session.seat.party) for session in self._sessions.values())
        return (grant.room, grant.party) in seats

    async def publish(self, grant: Grant, offer: str) -> tuple[str, str]:
        """(session id, answer) for an offer to publish.

        Raises SignalingError: 403 without the right, 409 for a third party, 400 or 406 for an
        offer that cannot be used, 503 when full or shutting down.
        """
        if not grant.publish:
            raise SignalingError(403, f"the token of {grant.party} does not allow to publish")
        seat = Seat(grant.room, grant.party, Role.PUBLISH)
        self._check(seat)
        session = WhipSession(
            _session_id(),
            seat,
            open_stream=partial(self._admitted, seat),
            clock=self._clock,
            metrics=self._metrics,
            ice_servers=self.ice_servers(seat.party),
            on_end=self._end,
            fallback_video_max_bps=self._fallback_video_max_bps,
        )
        return await self._open(session, offer)

    async def play(self, grant: Grant, offer: str) -> tuple[str, str]:
        """(session id, answer) for an offer to play; raises as `publish` does."""
        if not grant.play:
            raise SignalingError(403, f"the token of {grant.party} does not allow to play")
        seat = Seat(grant.room, grant.party, Role.PLAY)
        self._check(seat)
        session = WhepSession(
            _session_id(),
            seat,
            status=lambda player: self._describe(self._publisher_for(player.seat), player),
            clock=self._clock,
            metrics=self._metrics,
            ice_servers=self.ice_servers(seat.party),
            on_end=self._end,
        )
        return await self._open(session, offer)

    def delete(self, grant: Grant, session_id: str, role: Role) -> None:
        """End a session. Raises SignalingError: 404 without one, 403 for another party's."""
        session = self._sessions.get(session_id)
        if session is None or session.seat.role is not role:
            raise SignalingError(404, "no such session")
        if (session.seat.room, session.seat.party) != (grant.room, grant.party):
            raise SignalingError(403, "the session is another party's")
        session.end(ByeReason.LEFT)

    @property
    def sessions(self) -> tuple[Session, ...]:
        return tuple(self._sessions.values())

    @property
    def rooms(self) -> int:
        return len(self._rooms)

    async def close(self) -> None:
        """Say goodbye to everybody; no session opens any more."""
        self._shut = True
        for session in self.sessions:
            session.end(ByeReason.SHUTDOWN)
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _admitted(self, seat: Seat, link: PublisherLink) -> PublishedStream:
        """A stream for a seat; one that replaces another is no party more."""
        if self._rooms.session_at(seat) is None:
            self._admit()
        return self._open_stream(link)

    def _check(self, seat: Seat) -> None:
        if self._shut:
            raise SignalingError(503, "the receiver is shutting down")
        self._rooms.check(seat)

    async def _open(self, session: Session, offer: str) -> tuple[str, str]:
        try:
            answer = await session.open(offer)
            # Others may have come while candidates were gathered.
            self._check(session.seat)
            if session.ended:
                raise SignalingError(502, "the connection closed on the way")
        except BaseException:
            await session.close(ByeReason.OTHER)
            raise
        replaced = self._rooms.enter(session.seat, session.id)
        self._sessions[session.id] = session
        self._metrics.count("sessions_opened", session.seat.role.value)
        if replaced is not None and replaced in self._sessions:
            self._sessions[replaced].end(ByeReason.REPLACED)
        self._join(session.seat)
        logger.info(
            "room %s, party %s: %s", session.seat.room, session.seat.party, session.seat.role.value
        )
        return session.id, answer

    def _publisher_for(self, seat: Seat) -> WhipSession | None:
        publisher = self._sessions.get(self._rooms.publisher_for(seat) or "")
        return publisher if isinstance(publisher, WhipSession) else None

    def _join(self, seat: Seat) -> None:
        """Bring the players that this seat concerns onto the right stream."""
        if seat.role is Role.PLAY:
            player = self._sessions.get(self._rooms.session_at(seat) or "")
        else:
            player = self._sessions.get(self._rooms.player_of(seat) or "")
        if isinstance(player, WhepSession):
            publisher = self._publisher_for(player.seat)
            player.play(None if publisher is None else publisher.stream)

    def _end(self, session: Session, reason: ByeReason) -> None:
        if self._sessions.pop(session.id, None) is None:
            # Still opening; whoever opens it closes it.
            return
        if self._rooms.leave(session.seat, session.id):
            self._join(session.seat)
        self._metrics.count("sessions_ended", reason.value)
        logger.info(
            "room %s, party %s: %s ends, %s",
            session.seat.room,
            session.seat.party,
            session.seat.role.value,
            reason.value,
        )
        task = asyncio.create_task(self._close(session, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, session: Session, reason: ByeReason) -> None:
        try:
            await session.close(reason)
        except Exception:
            logger.exception("room %s, party %s: not closed", session.seat.room, session.seat.party)
            self._metrics.count("session_failures", session.seat.role.value)


def _session_id() -> str:
    return secrets.token_urlsafe(16)
