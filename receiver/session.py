"""What publishing and playing sessions share: a life, a seat, an end."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence

from receiver.liveness import Life, Liveness
from receiver.rooms import Seat
from shared.clock import Clock
from shared.control_message import ByeReason
from shared.metrics import Metrics
from shared.webrtc.ice_servers import IceServer
from shared.webrtc.peer import Peer, PeerState
from shared.webrtc.wire_rates import WireRateMeter

logger = logging.getLogger(__name__)

WATCH_SECONDS = 0.5

BREACHES_ALLOWED = 20
"""Messages beyond a limit that are dropped and counted before the session is ended."""

OnEnd = Callable[["Session", ByeReason], None]
"""Called once, on the event loop, when a session should be closed; whoever opened it does so."""


class Session(ABC):
    """One connection of one party."""

    def __init__(
        self,
        session_id: str,
        seat: Seat,
        *,
        clock: Clock,
        metrics: Metrics,
        ice_servers: Sequence[IceServer],
        on_end: OnEnd,
    ) -> None:
        self.id = session_id
        self.seat = seat
        self.peer = Peer(
            ice_servers=ice_servers,
            on_state=self._state_changed,
            on_breach=self.breach,
            on_datagram=self.on_datagram,
        )
        self.wire_rates = WireRateMeter()
        self._clock = clock
        self._metrics = metrics
        self._liveness = Liveness(clock.now_ns())
        self._on_end = on_end
        self._breaches = 0
        self._ended = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def life(self) -> Life:
        return self._liveness.life(self._clock.now_ns())

    @property
    def ended(self) -> bool:
        """Whether its end was asked for."""
        return self._ended

    @abstractmethod
    async def open(self, offer: str) -> str:
        """The answer to an offer. Raises SignalingError for one that cannot be used."""

    @abstractmethod
    async def close(self, reason: ByeReason) -> None:
        """Say goodbye, then free everything; may be called more than once."""

    def on_datagram(self) -> None:
        """Any datagram of this connection came."""
        self._liveness.on_datagram(self._clock.now_ns())

    def end(self, reason: ByeReason) -> None:
        """Ask for this session's end, once."""
        if not self._ended:
            self._ended = True
            self._on_end(self, reason)

    def breach(self, reason: str) -> None:
        """Count a breach of the protocol; too many end the session."""
        self._breaches += 1
        self._metrics.count("breaches", self.seat.role.value)
        logger.info("room %s, party %s: %s", self.seat.room, self.seat.party, reason)
        if self._breaches > BREACHES_ALLOWED:
            self.end(ByeReason.LIMIT)

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` until the session is closed; its failure ends the session."""
        self._tasks.append(asyncio.create_task(self._guarded(work)))

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("room %s, party %s: session fails", self.seat.room, self.seat.party)
            self._metrics.count("session_failures", self.seat.role.value)
            self.end(ByeReason.OTHER)

    async def stop_tasks(self) -> None:
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def watch(self) -> None:
        """Notice silence: it is told once, and ends the session when it lasts."""
        before = Life.ALIVE
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            life = self.life
            if life is not before:
                logger.info("room %s, party %s: %s", self.seat.room, self.seat.party, life.value)
                before = life
            if life is Life.GONE:
                self._metrics.count("sessions_vanished", self.seat.role.value)
                self.end(ByeReason.TIMEOUT)
                return

    def _state_changed(self, state: PeerState) -> None:
        if state in (PeerState.FAILED, PeerState.CLOSED):
            self.end(ByeReason.LEFT)
