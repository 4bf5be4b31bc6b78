"""Video files of benchmarks: pictures with their time stamps in, the same out again."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from sender.media_file import MediaFile
from sender.video_file import upright_image
from shared.errors import ArtifactError
from shared.parameters import Image

_QUALITY = {"crf": "12", "preset": "medium"}
"""Visually lossless. 4:2:0 in spite of its chroma: every player decodes it."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipFrame:
    """One picture of a file."""

    index: int
    image: Image
    pts: int
    time_base: Fraction

    @property
    def time_ns(self) -> int:
        return round(self.pts * self.time_base * 1_000_000_000)


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file that was seen to be one."""

    path: Path
    rate: Fraction
    """Mean frames a second."""

    has_audio: bool

    @classmethod
    def open(cls, path: Path) -> "Clip":
        """Raises ArtifactError for a file that is missing, no video, or cut off."""
        media = MediaFile.probe(path)
        with av.open(str(path)) as container:
            rate = container.streams.video[0].average_rate or Fraction(25)
        return cls(path=path, rate=Fraction(rate), has_audio=media.has_audio)

    def frames(self) -> Iterator[ClipFrame]:
        """Decode from the start; raises ArtifactError where that fails."""
        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                time_base = stream.time_base or 1 / self.rate
                for index, frame in enumerate(container.decode(stream)):
                    pts = round(index / self.rate / time_base) if frame.pts is None else frame.pts
                    yield ClipFrame(index, upright_image(frame), pts, time_base)
        except av.error.FFmpegError as err:
            raise ArtifactError(f"{self.path}: {err.strerror} while decoding") from err


class ClipWriter:
    """Writes pictures with the time stamps of the clip they come from, and its sound as it is.

    The file appears, complete, with `close`; until then its name has `.part` added.
    """

    def __init__(self, path: Path, clip: Clip, *, width: int, height: int) -> None:
        """Raises ArtifactError when the file cannot be written."""
        self._clip = clip
        self._path, self._part = path, path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._part.open("wb").close()  # PyAV opens it with the first packet only
            self._container = av.open(str(self._part), "w", format="mp4")
        except (av.error.FFmpegError, OSError) as err:
            raise ArtifactError(f"{path}: {err.strerror}, a file to write is expected") from err
        self._video = self._container.add_stream("libx264", rate=clip.rate, options=_QUALITY)
        self._video.width, self._video.height = width, height
        self._video.pix_fmt = "yuv420p"

    def copy_audio(self) -> None:
        """Copy the clip's sound; before the first picture, as MP4's header lists all streams."""
        if not self._clip.has_audio:
            return
        with av.open(str(self._clip.path)) as source:
            audio = source.streams.audio[0]
            copy = self._container.add_stream_from_template(audio)
            for packet in source.demux(audio):
                if packet.dts is not None:
                    packet.stream = copy
                    self._container.mux(packet)

    def write(self, image: Image, like: ClipFrame) -> None:
        """Append a picture at the time of `like`."""
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = like.pts, like.time_base
        self._container.mux(self._video.encode(frame))

    def close(self) -> None:
        """Write what the encoder still holds, and the end of the file."""
        try:
            self._container.mux(self._video.encode(None))
            self._container.close()
            self._part.replace(self._path)
        except (av.error.FFmpegError, OSError) as err:
            self._part.unlink(missing_ok=True)
            raise ArtifactError(f"{self._path}: {err.strerror} while writing") from err

    def discard(self) -> None:
        """Leave no file."""
        self._container.close()
        self._part.unlink(missing_ok=True)
