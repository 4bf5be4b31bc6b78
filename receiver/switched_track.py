"""A viewer's track whose source comes and goes while the connection stays."""

import asyncio
import time
from fractions import Fraction
from typing import Any

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from shared.webrtc.aiortc.sender_clock import last_capture_time


class SwitchedTrack(MediaStreamTrack):
    """Plays one source after the other on one continuous timeline.

    aiortc stops sending for good when a track ends, and a viewer may be there before, between
    and after the publisher's connections.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self._source: MediaStreamTrack | None = None
        self._changed = asyncio.Event()
        self._offset: int | None = None
        """Our pts minus the source's; None until its first frame came."""
        self._last: tuple[int, int] | None = None
        """(pts, monotonic ns) of what was handed out last."""

    @property
    def last_capture_time(self) -> int | None:
        """See `CaptureTimed`; None while the source does not know."""
        return last_capture_time(self._source)

    def set_source(self, source: MediaStreamTrack | None) -> None:
        """Go over to another source; the one before is stopped."""
        before, self._source = self._source, source
        self._offset = None
        self._changed.set()
        if before is not None:
            before.stop()

    async def recv(self) -> Any:
        """The next frame or packet of the source of the moment, pts moved on to our timeline.

        Raises MediaStreamError once this track is stopped.
        """
        while self.readyState == "live":
            source = self._source
            if source is None:
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                frame = await source.recv()
            except MediaStreamError:
                # Ended by itself, or stopped by `set_source`.
                if self._source is source:
                    self._source = None
                continue
            if self._source is source:
                return self._moved(frame)
        raise MediaStreamError

    def _moved(self, frame: Any) -> Any:
        now_ns = time.monotonic_ns()
        if self._offset is None:
            self._offset = self._continuation(frame.time_base, now_ns) - frame.pts
        frame.pts += self._offset
        self._last = (frame.pts, now_ns)
        return frame

    def _continuation(self, time_base: Fraction, now_ns: int) -> int:
        """Where the timeline stands: as much later as the clock is since the last frame."""
        if self._last is None:
            return 0
        pts, then_ns = self._last
        return pts + max(1, int((now_ns - then_ns) / 10**9 / time_base))

    def stop(self) -> None:
        if self.readyState == "live":
            super().stop()
            self.set_source(None)
