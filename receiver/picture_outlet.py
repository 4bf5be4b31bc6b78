"""The viewers of one party and their common timeline."""

from receiver.picture_maker import RebuiltPicture
from receiver.video_track import CameraPicture, RebuiltVideoTrack
from shared.clock import TICKS_PER_SECOND, Clock
from shared.control_message import CallMode
from shared.metrics import Metrics

_LONGEST_STEP_TICKS = 60 * TICKS_PER_SECOND


class PictureOutlet:
    """Hands pictures to every viewer, in order. Belongs to the event loop."""

    def __init__(self, *, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._viewers: list[RebuiltVideoTrack] = []
        self._source: CallMode | None = None
        self._pts: int | None = None
        self._pts_shift = 0
        self._put_ns = 0

    def subscribe(self) -> RebuiltVideoTrack:
        """A track for one more viewer; its `stop` ends the subscription."""
        track = RebuiltVideoTrack(
            clock=self._clock, metrics=self._metrics, on_stop=self._viewers_without
        )
        self._viewers.append(track)
        return track

    def put(self, source: CallMode, picture: RebuiltPicture | CameraPicture, time: int) -> bool:
        """Give a picture to every viewer; False, and counted, for one that is not newer.

        `time`: 90 kHz ticks on a clock of the source. Where the source changes, or its clock
        restarts, the viewers' time goes on as the local clock does.
        """
        now_ns = self._clock.now_ns()
        pts = time + self._pts_shift
        if self._pts is not None:
            if source is not self._source or abs(pts - self._pts) > _LONGEST_STEP_TICKS:
                elapsed = (now_ns - self._put_ns) * 9 // 100_000
                self._pts_shift += self._pts + max(elapsed, 1) - pts
                pts = time + self._pts_shift
            elif pts <= self._pts:
                self._metrics.count("frames_dropped", "out_of_order")
                return False
        self._source, self._pts, self._put_ns = source, pts, now_ns
        for track in self._viewers:
            track.put(picture, pts)
        return True

    def close(self) -> None:
        """End the viewers' tracks."""
        for track in list(self._viewers):
            track.stop()

    def _viewers_without(self, track: RebuiltVideoTrack) -> None:
        self._viewers = [viewer for viewer in self._viewers if viewer is not track]
