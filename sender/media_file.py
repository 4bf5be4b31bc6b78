"""What a media file holds and how long one round of its loop is; found before a call starts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from shared.clock import SystemClock
from shared.errors import ArtifactError

MAX_PIXELS = 4096 * 2304
"""Larger pictures are refused: one frame would take longer to convert than it lasts."""

_SHORTEST_LOOP_NS = 40_000_000


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file that was seen to hold a video; its sound, where it has one, is part of the loop."""

    path: Path
    width: int
    height: int
    has_audio: bool

    start_ns: int
    """The earliest time stamp of any of its streams: time 0 of the loop."""

    length_ns: int
    """One round of the loop: the end of the longest stream less `start_ns`."""

    @classmethod
    def probe(cls, path: Path) -> "MediaFile":
        """Read through the file once (without decoding it) and decode its first picture.

        Raises ArtifactError when it is missing, no video, cut off, or too large.
        """
        try:
            with av.open(str(path)) as container:
                return cls._probe_container(path, container)
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            reason = (error.strerror or "cannot be read").lower()
            raise ArtifactError(f"{path}: {reason}, expected a video file") from error
        except (av.error.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ArtifactError(
                f"{path} is no video that can be read ({reason}), "
                "expected a file such as MP4 or WebM"
            ) from error

    @classmethod
    def _probe_container(cls, path: Path, container: av.container.InputContainer) -> "MediaFile":
        if not container.streams.video:
            raise ArtifactError(f"{path} has no video stream, expected a video of a face")
        video = container.streams.video[0]
        if not 0 < video.width * video.height <= MAX_PIXELS:
            raise ArtifactError(
                f"{path}: picture of {video.width} x {video.height}, "
                f"allowed are up to {MAX_PIXELS} pixels"
            )
        streams = [video, *container.streams.audio[:1]]
        starts: list[int] = []
        ends: list[int] = []
        for packet in container.demux(streams):
            if packet.pts is None:
                continue
            starts.append(_ns(packet.pts * packet.time_base))
            ends.append(_ns((packet.pts + (packet.duration or 0)) * packet.time_base))
        if not starts:
            raise ArtifactError(f"{path} holds no picture, expected a video of a face")
        start_ns = max(min(starts), 0)
        length_ns = max(max(ends) - start_ns, _SHORTEST_LOOP_NS)
        declared_ns = (container.duration or 0) * 1_000_000_000 // av.time_base
        if length_ns < 0.9 * declared_ns - 100_000_000:
            raise ArtifactError(
                f"{path} is cut off: {length_ns / 1e9:.1f} s of {declared_ns / 1e9:.1f} s are "
                "there, expected the whole file"
            )
        container.seek(0)
        if next(iter(container.decode(video)), None) is None:
            raise ArtifactError(f"{path} holds no picture, expected a video of a face")
        return cls(
            path=path,
            width=video.width,
            height=video.height,
            has_audio=bool(container.streams.audio),
            start_ns=start_ns,
            length_ns=length_ns,
        )


def video_frames(
    container: av.container.InputContainer, on_damaged: Callable[[], None]
) -> Iterator[av.VideoFrame]:
    """What can be decoded of the first video stream; `on_damaged` for each packet that cannot.

    Raises FFmpegError, OSError when the file itself cannot be read on.
    """
    for packet in container.demux(container.streams.video[0]):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            on_damaged()
            continue
        yield from (frame for frame in frames if isinstance(frame, av.VideoFrame))


class MediaTimeline:
    """Where each moment of a looping file lies on the monotonic clock.

    Its pictures and its sound are read by two threads that share one of these, so that they
    stay together however often the file is looped.
    """

    def __init__(self, media: MediaFile, clock: SystemClock) -> None:
        self._media = media
        self._origin_ns = clock.now_ns()

    def time_ns(self, media_time: float, *, turn: int) -> int:
        """Monotonic nanoseconds of `media_time` seconds in the file, in the given loop turn."""
        return self._origin_ns + turn * self._media.length_ns + _ns(media_time) - self.start_ns

    @property
    def start_ns(self) -> int:
        return self._media.start_ns

    def turn_at(self, time_ns: int) -> int:
        """The turn of the loop that this moment lies in, the first one before the start."""
        return max(time_ns - self._origin_ns, 0) // self._media.length_ns

    def turn_start_ns(self, turn: int) -> int:
        """Monotonic nanoseconds at which a turn of the loop begins."""
        return self._origin_ns + turn * self._media.length_ns


def _ns(seconds: float | Fraction) -> int:
    return round(float(seconds) * 1e9)
