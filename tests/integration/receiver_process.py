"""A receiver in the test's own event loop, with a stream that writes down what it gets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from aiortc.mediastreams import MediaStreamTrack

from receiver.app import create_app
from receiver.calls import Calls
from receiver.party_state import PartyState
from receiver.plain_stream import NewestFrameTrack
from receiver.player_status import StatusReporter
from receiver.published_stream import OpenStream, PublisherLink
from receiver.room_routes import RoomPolicy
from receiver.tokens import Grant, TokenAuthority
from shared.clock import Clock, SystemClock
from shared.control_message import parse_control
from shared.in_band import Transport
from shared.metrics import Metrics
from shared.webrtc.audio import OpusPacket, OpusPacketTrack
from shared.webrtc.ice_servers import IceServer
from shared.webrtc.turn_credentials import TurnSecret

SECRET = b"a secret for tests that nobody else knows"


@dataclass(eq=False)
class RecordingStream:
    """A `PublishedStream` that keeps what came and relays sound as it came."""

    link: PublisherLink
    control: list[bytes] = field(default_factory=list)
    parameters: list[bytes] = field(default_factory=list)
    transports: list[Transport] = field(default_factory=list)
    """Of each of `parameters`."""
    audio: list[OpusPacket] = field(default_factory=list)
    datagrams: int = 0
    closed: bool = False
    listeners: list[OpusPacketTrack] = field(default_factory=list)
    viewers: list[NewestFrameTrack] = field(default_factory=list)

    @property
    def state(self) -> PartyState:
        return PartyState(connected=True)

    def on_control(self, message: bytes) -> None:
        parse_control(message)
        self.control.append(message)

    def on_parameters(self, message: bytes, transport: Transport = Transport.DATA_CHANNEL) -> None:
        self.parameters.append(message)
        self.transports.append(transport)

    def on_audio(self, packet: OpusPacket) -> None:
        self.audio.append(packet)
        for listener in self.listeners:
            listener.put(packet)

    def capture_time(self, arrival_ns: int) -> int | None:
        return None

    def on_datagram(self) -> None:
        self.datagrams += 1

    def subscribe_video(self) -> MediaStreamTrack:
        self.viewers.append(NewestFrameTrack())
        return self.viewers[-1]

    def subscribe_audio(self) -> MediaStreamTrack:
        self.listeners.append(OpusPacketTrack())
        return self.listeners[-1]

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


@dataclass
class RunningReceiver:
    """What a test may look into."""

    url: str
    calls: Calls
    metrics: Metrics
    authority: TokenAuthority
    streams: list[RecordingStream]

    def token(
        self, party: str, *, publish: bool = True, play: bool = True, minutes: float = 1
    ) -> str:
        grant = Grant(room="room", party=party, publish=publish, play=play)
        return self.authority.issue(grant, minutes=minutes)


@asynccontextmanager
async def running_receiver(
    *,
    clock: Clock | None = None,
    ice_servers: tuple[IceServer, ...] = (),
    open_stream: OpenStream | None = None,
    metrics: Metrics | None = None,
    policy: RoomPolicy | None = None,
    turn: TurnSecret | None = None,
    max_rooms: int = 64,
    admit: Callable[[], None] = lambda: None,
) -> AsyncIterator[RunningReceiver]:
    """Serve on a free port of loopback until the block is left.

    `open_stream`: in place of streams that write down what they get.
    """
    clock = clock or SystemClock()
    metrics = metrics or Metrics()
    streams: list[RecordingStream] = []

    def record(link: PublisherLink) -> RecordingStream:
        streams.append(RecordingStream(link))
        return streams[-1]

    calls = Calls(
        open_stream=open_stream or record,
        admit=admit,
        describe=StatusReporter(clock=clock).describe,
        clock=clock,
        metrics=metrics,
        ice_servers=ice_servers,
        turn=turn,
        max_rooms=max_rooms,
    )
    authority = TokenAuthority(SECRET)
    config = uvicorn.Config(
        create_app(calls, authority, metrics, policy), host="127.0.0.1", port=0, log_level="warning"
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())  # `serve` would take the test's signals
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield RunningReceiver(f"http://127.0.0.1:{port}", calls, metrics, authority, streams)
    finally:
        await calls.close()
        server.should_exit = True
        await task


async def until(condition: object, *, seconds: float = 8.0) -> None:
    """Wait for a callable to become true; a test's own time-out, never a measurement."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
