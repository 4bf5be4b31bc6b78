"""Everything the receiver knows about one publishing party: from its bytes to its picture."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from receiver.audio_relay import AudioRelay
from receiver.camera_stream import CameraStream
from receiver.concealment import ConcealmentSettings
from receiver.feedback import Feedback
from receiver.frame_player import FramePlayer
from receiver.liveness import Life, Liveness
from receiver.party_state import PartyState
from receiver.party_statistics import StatisticsWindow
from receiver.picture_maker import RebuiltPicture
from receiver.picture_outlet import PictureOutlet
from receiver.picture_stream import PictureStream
from receiver.picture_switch import PictureSwitch
from receiver.playout import PlayoutSettings
from receiver.published_stream import PublisherLink
from receiver.reference_store import ReferenceStore
from receiver.renderer import RenderEngine
from receiver.report_schedule import ReportSettings
from receiver.sound_stream import SoundStream
from receiver.video_track import CameraPicture, RebuiltVideoTrack
from shared.clock import Clock, ns_from_ticks, ticks_difference
from shared.codec import FaceDecoder
from shared.control_message import (
    Bye,
    ByeReason,
    CallMode,
    Hello,
    KnownMessage,
    Mode,
    ReferenceBegin,
    ReferenceChunk,
    ReferenceEnd,
    RefreshTarget,
    UnknownMessage,
    parse_control,
)
from shared.errors import BitstreamError, MissingBaseError
from shared.in_band import Transport
from shared.metrics import Metrics, Stage
from shared.parameter_message import MessageKind, message_kind
from shared.webrtc.audio import OpusPacket, OpusPacketTrack

_log = logging.getLogger(__name__)

_HOUSEKEEPING_SECONDS = 0.5
_REFERENCE_PATIENCE_NS = 4_000_000_000
"""How long frames may name a set that is not held before it is asked for."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What can be tuned about a party's stream."""

    playout: PlayoutSettings = field(default_factory=PlayoutSettings)
    concealment: ConcealmentSettings = field(default_factory=ConcealmentSettings)
    reports: ReportSettings = field(default_factory=ReportSettings)


class PartyStream:
    """One publishing party, a `PublishedStream`. All methods belong to the event loop, where
    nothing computes long: the engine's worker decodes references and makes the pictures."""

    def __init__(
        self,
        *,
        engine: RenderEngine,
        clock: Clock,
        metrics: Metrics,
        link: PublisherLink,
        settings: StreamSettings | None = None,
        player: FramePlayer | None = None,
        on_state: Callable[[PartyState], None] = lambda state: None,
    ) -> None:
        """`player`: one that a benchmark watches, in place of one with these settings.

        `on_state` hears of every change, statistics included (once a second).
        """
        settings = settings or StreamSettings()
        self._engine = engine
        self._clock = clock
        self._metrics = metrics
        self._link = link
        self._on_state = on_state
        self._loop = asyncio.get_running_loop()
        self._lane = engine.open_lane()
        self._decoder = FaceDecoder()
        self._player = player or FramePlayer(
            playout=settings.playout, concealment=settings.concealment
        )
        self._feedback = Feedback(
            link, decoder=self._decoder, metrics=metrics, settings=settings.reports
        )
        self._references = ReferenceStore(
            lane=self._lane,
            metrics=metrics,
            post=self._post,
            on_held=self._feedback.tell_held,
            # It comes back and is refused with a time to wait, until another call has ended.
            on_refused=lambda: link.end(ByeReason.OTHER),
        )
        self._pictures = PictureStream(
            engine=engine,
            lane=self._lane,
            player=self._player,
            references=self._references.of_set,
            clock=clock,
            metrics=metrics,
            post=self._post,
            show=self._show_rebuilt,
            on_lack=self._on_lack,
            on_broken=lambda: link.end(ByeReason.OTHER),
        )
        self._outlet = PictureOutlet(clock=clock, metrics=metrics)
        self._switch = PictureSwitch()
        self._camera = CameraStream(
            link.camera, clock=clock, metrics=metrics, show=self._show_video
        )
        relay = AudioRelay(metrics=metrics, release_ns=self._sound_release_ns)
        self._sound = SoundStream(relay, clock=clock)
        self._liveness = Liveness(clock.now_ns())
        self._statistics = StatisticsWindow(clock.now_ns())
        self._state = PartyState(generator=engine.generator_name)
        self._lacking_since_ns: int | None = None
        self._messages_came = asyncio.Event()
        self._closed = False

    @property
    def state(self) -> PartyState:
        """The party now; statistics are those of the last full second."""
        return self._state

    def on_datagram(self) -> None:
        """Any datagram came: the party lives."""
        self._liveness.on_datagram(self._clock.now_ns())
        if self._state.interrupted:
            self._change(replace(self._state, interrupted=False))

    def on_control(self, message: bytes) -> None:
        """A message of the `control` channel.

        Raises VersionError for a peer of another protocol version or face model, BitstreamError
        for bytes that are no message and for a transfer out of order; nothing else is harmed.
        """
        try:
            parsed = parse_control(message)
        except BitstreamError:
            self._metrics.count("messages_dropped", "control_invalid")
            raise
        if isinstance(parsed, UnknownMessage):
            self._metrics.count("messages_dropped", "control_unknown")
        else:
            self._handle(parsed)

    def on_parameters(self, message: bytes, transport: Transport = Transport.DATA_CHANNEL) -> None:
        """A message of the `parameters` channel or from inside the sound; both may bring it.

        Raises BitstreamError for bytes that are none.
        """
        now_ns = self._clock.now_ns()
        try:
            if message_kind(message) is MessageKind.REPORT:
                self._metrics.count("messages_dropped", "parameters_report")
                return
            with self._metrics.timed(Stage.DECODE):
                decoded = self._decoder.decode(message)
        except MissingBaseError:
            self._metrics.count("messages_dropped", "parameters_missing_base")
            self._feedback.request(RefreshTarget.PARAMETERS, now_ns)
            return
        except BitstreamError:
            self._metrics.count("messages_dropped", "parameters_invalid")
            raise
        self._statistics.add_message(len(message))
        self._feedback.receive(decoded, now_ns, transport)
        if self._switch.receive_message(now_ns):
            self._player.begin_anew()
        if self._player.receive(decoded, now_ns):
            self._messages_came.set()
        else:
            self._metrics.count("messages_dropped", "parameters_implausible_time")
        self._feedback.report_if_due(now_ns)

    def on_audio(self, packet: OpusPacket) -> None:
        """A packet of the party's sound, as it came."""
        self._sound.receive(packet)

    def capture_time(self, arrival_ns: int) -> int | None:
        """As the fastest parameters have come; None before the first."""
        return self._player.clock_map.capture_time(arrival_ns)

    def subscribe_video(self) -> RebuiltVideoTrack:
        """The picture for one viewer; the track's `stop` ends the subscription."""
        return self._outlet.subscribe()

    def subscribe_audio(self) -> OpusPacketTrack:
        """The sound for one viewer; the track's `stop` ends the subscription."""
        return self._sound.subscribe()

    def next_tick_ns(self) -> int | None:
        """Local monotonic ns at which `tick` is due; None while there is nothing to show."""
        rebuilds = self._switch.rebuilds(self._clock.now_ns())
        return self._pictures.next_tick_ns() if rebuilds else None

    def tick(self) -> None:
        """Show the moment that is due now; `run` does so in time."""
        if self._switch.rebuilds(self._clock.now_ns()):
            self._pictures.tick()

    async def run(self) -> None:
        """Play until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._play_pictures())
            group.create_task(self._sound.run())
            group.create_task(self._camera.run())
            group.create_task(self._keep_house())

    async def close(self) -> None:
        """Forget the party: references, frames and sound; the viewers' tracks end."""
        self._closed = True
        self._lane.close()
        self._references.clear()
        self._pictures.close()
        self._outlet.close()
        self._camera.want(False)
        self._sound.close()

    def _handle(self, message: KnownMessage) -> None:
        match message:
            case ReferenceBegin() | ReferenceChunk() | ReferenceEnd():
                self._references.receive(message, self._clock.now_ns())
            case Hello():
                self._greet(message)
            case Mode():
                if message.face is not self._state.face:
                    self._metrics.count("face_states", message.face.value)
                self._switch.ask(message.mode)
                self._settle_mode()
                self._change(
                    replace(
                        self._state,
                        face=message.face,
                        muted=message.muted,
                        thin=message.thin,
                    )
                )
            case Bye():
                _log.info("the party leaves: %s", message.reason.value)
                self._link.end(ByeReason.LEFT)
            case _:
                self._metrics.count("messages_dropped", "control_unexpected")

    def _greet(self, hello: Hello) -> None:
        self._feedback.greet(hello, self._engine.face_model)
        self._player.playout.set_frame_rate(hello.frame_rate_hz)
        self._change(replace(self._state, connected=True, name=hello.name))

    def _settle_mode(self) -> None:
        """Follow the party's mode as soon as that is allowed."""
        if self._switch.settle(self._clock.now_ns()):
            mode = self._switch.mode
            self._metrics.count("modes", mode.value)
            self._camera.want(mode is CallMode.VIDEO)
            self._change(replace(self._state, mode=mode))
            self._messages_came.set()

    def _show_rebuilt(self, picture: RebuiltPicture, time: int) -> None:
        self._lacking_since_ns = None
        if not self._switch.show_rebuilt(self._clock.now_ns()):
            self._metrics.count("frames_dropped", "video_shown")
        elif self._outlet.put(CallMode.REBUILT, picture, time):
            self._metrics.count("pictures")
            age_ticks = ticks_difference(self._clock.now_ticks(), picture.capture_time)
            self._statistics.add_picture(ns_from_ticks(age_ticks) / 1e6)
            if self._state.waiting or self._state.plain:
                self._change(replace(self._state, waiting=False, plain=False))

    def _show_video(self, picture: CameraPicture, time: int) -> None:
        was_rebuilt = self._switch.shown is CallMode.REBUILT
        if not self._switch.show_video(self._clock.now_ns()):
            return
        if was_rebuilt:
            self._pictures.rest()
            self._player.begin_anew()
        if self._outlet.put(CallMode.VIDEO, picture, time):
            self._metrics.count("plain_frames")
            self._statistics.add_video()
            self._change(replace(self._state, waiting=False, plain=True))

    def _on_lack(self) -> None:
        """A tick's set is not held. It is on its way, as a rule; else it is asked for."""
        now_ns = self._clock.now_ns()
        if self._lacking_since_ns is None:
            self._lacking_since_ns = now_ns
        waits = now_ns - self._lacking_since_ns < _REFERENCE_PATIENCE_NS
        if not waits and not self._references.is_receiving:
            self._lacking_since_ns = now_ns
            self._feedback.request(RefreshTarget.REFERENCE, now_ns)

    def _sound_release_ns(self, capture_time: int) -> int | None:
        if self._switch.shown is CallMode.VIDEO:
            return None  # video is not delayed either
        due_ns = self._player.release_ns(capture_time)
        return None if due_ns is None else due_ns + int(self._pictures.render_ns)

    async def _play_pictures(self) -> None:
        while True:
            due_ns = self.next_tick_ns()
            if due_ns is None:
                self._pictures.rest()
                self._messages_came.clear()
                await self._messages_came.wait()
                continue
            wait_ns = due_ns - self._clock.now_ns()
            if wait_ns > 0:
                await asyncio.sleep(wait_ns / 1e9)
            self.tick()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_SECONDS)
            now_ns = self._clock.now_ns()
            self._settle_mode()
            self._feedback.report_if_due(now_ns)
            self._references.expire(now_ns)
            state = replace(self._state, interrupted=self._liveness.life(now_ns) is not Life.ALIVE)
            statistics = self._statistics.read(
                self._player,
                loss=self._feedback.loss,
                references_held=self._references.held,
                now_ns=now_ns,
            )
            self._change(replace(state, statistics=statistics or state.statistics))

    def _change(self, state: PartyState) -> None:
        if state != self._state:
            self._state = state
            self._on_state(state)

    def _post(self, callback: Callable[..., None], *arguments: object) -> None:
        """Run on the event loop, from the worker's thread, unless the party has left."""

        def run() -> None:
            if not self._closed:
                callback(*arguments)

        try:
            self._loop.call_soon_threadsafe(run)
        except RuntimeError:  # the loop is closed: the process ends
            _log.debug("a result came after the end")
