"""The composition root of a receiver process."""

import asyncio
from collections.abc import Callable

from fastapi import FastAPI

from receiver.app import create_app
from receiver.calls import Calls
from receiver.frame_player import FramePlayer
from receiver.party_stream import PartyStream, StreamSettings
from receiver.player_status import StatusReporter
from receiver.published_stream import PublisherLink
from receiver.renderer import RenderEngine
from receiver.room_routes import RoomPolicy, check_public_url
from receiver.rooms import Role
from receiver.settings import ReceiverSettings
from receiver.tokens import TokenAuthority
from shared import bar_code
from shared.clock import SystemClock
from shared.face_model import FaceModel
from shared.generator import load_generator
from shared.metrics import Metrics
from shared.residual_coder import warm_up
from shared.trace import check_trace_path, write_trace
from shared.webrtc.aiortc.ice_ports import limit_udp_ports
from shared.webrtc.aiortc.video import limit_video_bitrate
from shared.webrtc.port_range import PortRange
from shared.webrtc.turn_credentials import TurnSecret
from shared.webrtc.wire_counter import WireSnapshot


class ReceiverPipeline:
    """Everything that one receiver process runs."""

    def __init__(
        self,
        settings: ReceiverSettings,
        authority: TokenAuthority,
        *,
        stream_settings: StreamSettings | None = None,
        make_player: Callable[[], FramePlayer] | None = None,
    ) -> None:
        """Loads the face model and the generator. Raises ArtifactError, ConfigError.

        `make_player`: players that a benchmark watches, one a party.
        """
        self._stream_settings = stream_settings
        self._make_player = make_player
        self._trace_path = settings.trace
        if settings.trace is not None:
            check_trace_path(settings.trace)
        self._trace: asyncio.Task[None] | None = None
        self._last_wire: WireSnapshot | None = None
        limit_video_bitrate(settings.picture_hop_max_bps)
        limit_udp_ports(None if settings.udp_ports is None else PortRange.parse(settings.udp_ports))
        self._clock = SystemClock()
        self.metrics = Metrics()
        self._engine = RenderEngine(
            FaceModel.load(),
            load_generator(
                settings.generator,
                threads=settings.threads,
                device=settings.device,
                engines=settings.engine_folder,
            ),
            metrics=self.metrics,
            max_calls=settings.max_calls,
            mark=bar_code.draw if settings.draw_capture_time else None,
        )
        reporter = StatusReporter(clock=self._clock)
        self.calls = Calls(
            open_stream=self._open_stream,
            admit=self._engine.admit,
            describe=reporter.describe,
            clock=self._clock,
            metrics=self.metrics,
            ice_servers=settings.ice_servers,
            turn=_turn(settings),
            max_rooms=settings.max_rooms,
            fallback_video_max_bps=settings.fallback_video_max_bps,
        )
        policy = RoomPolicy(
            creation=settings.room_creation,
            invite_minutes=settings.invite_minutes,
            life_minutes=settings.link_hours * 60,
            public_url=check_public_url(settings.public_url),
        )
        self.app: FastAPI = create_app(self.calls, authority, self.metrics, policy)

    @property
    def generator_name(self) -> str:
        return self._engine.generator_name

    async def start(self) -> None:
        """Compile and warm up, off the event loop; ready when it returns."""
        await asyncio.to_thread(warm_up)
        await asyncio.to_thread(self._engine.start)
        if self._trace_path is not None:
            self._trace = asyncio.create_task(
                write_trace(
                    self._trace_path, metrics=self.metrics, clock=self._clock, wire=self._wire
                )
            )

    async def close(self) -> None:
        """Say goodbye to everybody, then stop the worker."""
        await self.calls.close()
        if self._trace is not None:
            self._trace.cancel()
            await asyncio.gather(self._trace, return_exceptions=True)
        await asyncio.to_thread(self._engine.close)

    def _wire(self) -> WireSnapshot | None:
        """Of the publisher's connection, the first where there are several; kept after its end."""
        for session in self.calls.sessions:
            if session.seat.role is Role.PUBLISH:
                self._last_wire = session.peer.wire.snapshot()
                break
        return self._last_wire

    def _open_stream(self, link: PublisherLink) -> PartyStream:
        return PartyStream(
            engine=self._engine,
            clock=self._clock,
            metrics=self.metrics,
            link=link,
            settings=self._stream_settings,
            player=None if self._make_player is None else self._make_player(),
        )


def _turn(settings: ReceiverSettings) -> TurnSecret | None:
    if settings.turn_secret is None:
        return None
    return TurnSecret(
        urls=settings.turn_urls,
        secret=settings.turn_secret.get_secret_value(),
        lifetime_seconds=settings.turn_credential_minutes * 60,
    )
