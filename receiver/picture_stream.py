"""The ticks of one party: each asks the worker for a picture and hands it on."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from receiver.concealment import ShownFace
from receiver.frame_player import FramePlayer
from receiver.picture_maker import RebuiltPicture, RenderRequest
from receiver.render_lane import RenderLane
from receiver.renderer import RenderEngine
from shared.clock import Clock
from shared.errors import KilocallError
from shared.face_renderer import PreparedReference
from shared.metrics import Metrics, Stage
from shared.parameters import FaceParameters

_log = logging.getLogger(__name__)

MAX_FAILURES = 25
"""Frames in a row that may fail to render: a second's; then the session ends."""

_STILL_NS = 500_000_000
"""A face still for longer, past every cross-fade, is not rendered again."""

Post = Callable[..., None]
"""Runs a callable with arguments on the event loop; from any thread."""


class PictureStream:
    """One party's rebuilt picture. Belongs to the event loop."""

    def __init__(
        self,
        *,
        engine: RenderEngine,
        lane: RenderLane,
        player: FramePlayer,
        references: Callable[[int], Sequence[PreparedReference]],
        clock: Clock,
        metrics: Metrics,
        post: Post,
        show: Callable[[RebuiltPicture, int], None],
        on_lack: Callable[[], None],
        on_broken: Callable[[], None],
    ) -> None:
        """`references(set_id)`: those held of a set.

        `show(picture, time)` gets each picture and the unwrapped time of its tick.
        `on_lack`: a tick was of a set of which nothing is held; `on_broken`: MAX_FAILURES.
        """
        self._engine = engine
        self._lane = lane
        self._player = player
        self._references = references
        self._clock = clock
        self._metrics = metrics
        self._post = post
        self._show = show
        self._on_lack = on_lack
        self._on_broken = on_broken
        self._past: deque[FaceParameters] = deque(maxlen=max(engine.history, 1))
        self._last_request: RenderRequest | None = None
        self._still_since_ns = 0
        self._last_picture: RebuiltPicture | None = None
        self._last_tick: int | None = None
        self._failures = 0
        self.render_ns = 0.0
        """Smoothed time from a tick to its picture."""

    def rest(self) -> None:
        """Ticks stop for a while; that is no loss."""
        self._last_tick = None

    def close(self) -> None:
        """Forget the last picture."""
        self._last_picture = self._last_request = None

    def next_tick_ns(self) -> int | None:
        """Local monotonic ns at which `tick` is due; None while there is nothing to show."""
        return self._player.next_due_ns(self._clock.now_ns())

    def tick(self) -> None:
        """Show the moment that is due now."""
        now_ns = self._clock.now_ns()
        tick = self._player.tick(now_ns)
        if tick is None:
            return
        time, shown = tick
        self._count_skipped(time)
        self._metrics.observe_ms(Stage.PLAYOUT, self._player.playout.delay_ms)
        self._metrics.count("ticks", shown.kind.value)
        references = self._references(shown.set_id)
        if not references:
            self._metrics.count("frames_dropped", "no_reference")
            self._on_lack()
            return
        request = self._request(shown, references, now_ns)
        if self._is_still(request):
            self._repeat(shown.parameters.capture_time, time)
            return
        self._lane.render(
            request,
            partial(self._post, self._deliver, time, now_ns),
            partial(self._post, self._conceal, shown.parameters.capture_time, time),
        )

    def _count_skipped(self, time: int) -> None:
        """Ticks that the process slept through."""
        if self._last_tick is not None:
            skipped = (time - self._last_tick) // self._player.playout.period_ticks - 1
            if skipped > 0:
                self._metrics.count("frames_dropped", "tick", skipped)
        self._last_tick = time

    def _request(
        self, shown: ShownFace, references: Sequence[PreparedReference], now_ns: int
    ) -> RenderRequest:
        last = self._last_request
        set_id = references[0].reference.set_id
        if last is not None and last.references[0].reference.set_id != set_id:
            self._past.clear()
        request = RenderRequest(
            references=references,
            parameters=shown.parameters,
            now_ns=now_ns,
            past=tuple(self._past) if self._engine.history else (),
        )
        self._past.appendleft(shown.parameters)
        if last is None or not _alike(request, last):
            self._still_since_ns = now_ns
        self._last_request = request
        return request

    def _is_still(self, request: RenderRequest) -> bool:
        return (
            request.now_ns - self._still_since_ns > _STILL_NS
            and self._last_picture is not None
            and not self._engine.marks
        )

    def _deliver(self, time: int, tick_ns: int, picture: RebuiltPicture) -> None:
        self._failures = 0
        self._player.playout.begin(tick_ns)
        self._last_picture = picture
        self.render_ns += (self._clock.now_ns() - tick_ns - self.render_ns) * 0.1
        self._show(picture, time)

    def _conceal(self, capture_time: int, time: int, error: KilocallError) -> None:
        """A frame failed: the last picture stays; too many in a row end the session."""
        self._failures += 1
        self._metrics.count("frames_dropped", "failed")
        if self._failures == 1:
            _log.warning("a frame is concealed: %s", error)
        if self._failures == MAX_FAILURES:
            self._on_broken()
        self._repeat(capture_time, time)

    def _repeat(self, capture_time: int, time: int) -> None:
        if self._last_picture is not None:
            self._show(replace(self._last_picture, capture_time=capture_time), time)


def _alike(request: RenderRequest, other: RenderRequest) -> bool:
    """Whether two requests give the same picture once cross-fades are over."""
    face, before = request.parameters, other.parameters
    return (
        bool((face.camera == before.camera).all())
        and bool((face.expression == before.expression).all())
        and list(request.references) == list(other.references)
    )
