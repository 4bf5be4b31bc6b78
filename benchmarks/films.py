"""The films of a call: what the player saw, alone and beside what the camera saw.

The strip with the bar code is cut off both pictures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from benchmarks.played_call import AUDIO_RATE, PlayedCall, PlayedPicture
from sender.recording import START_KEY
from shared import bar_code
from shared.clock import TICKS_MODULUS, TICKS_PER_SECOND, ticks_difference
from shared.errors import ArtifactError
from shared.parameters import Image

_QUALITY = {"preset": "veryfast", "crf": "16"}
_GREY = 40


@dataclass(frozen=True, slots=True, eq=False)
class DrivingPicture:
    """A crop that was sent as parameters."""

    capture_time: int
    """Ticks, modulo 2^32."""

    image: Image


@dataclass(frozen=True, slots=True, eq=False)
class ShownPicture:
    """A picture of the player's film."""

    time_ns: int
    """When it is shown, monotonic."""

    played: PlayedPicture
    """As it came, with its other times."""

    image: Image
    """(S - strip, S, 3): without the bar code."""

    @property
    def capture_time(self) -> int | None:
        """By its bar code: ticks, modulo 2^32."""
        return self.played.capture_time


class DrivingRecording:
    """The sender's recording of the call (`sender.recording`)."""

    def __init__(self, path: Path) -> None:
        """Raises ArtifactError for a file that is no such recording."""
        self._path = path
        with self._open() as container:
            comment = container.metadata.get("comment", "")
        if not comment.startswith(START_KEY):
            raise ArtifactError(f"{path} is no recording of a sender")
        self._start = int(comment.removeprefix(START_KEY))

    def _open(self) -> av.container.InputContainer:
        try:
            return av.open(str(self._path))
        except (OSError, av.error.FFmpegError) as error:
            raise ArtifactError(f"{self._path} cannot be read: {error}") from error

    def pictures(self) -> Iterator[DrivingPicture]:
        """In order of capture, without the strip that a bar code would cover."""
        with self._open() as container:
            for frame in container.decode(container.streams.video[0]):
                ticks = round(float(frame.time or 0.0) * TICKS_PER_SECOND)
                image = without_strip(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                yield DrivingPicture((self._start + ticks) % TICKS_MODULUS, image)

    def packets(self) -> list[tuple[bytes, int]]:
        """Each Opus packet that was sent, with its capture time."""
        with self._open() as container:
            if not container.streams.audio:
                return []
            return [
                (bytes(p), (self._start + p.pts * TICKS_PER_SECOND // AUDIO_RATE) % TICKS_MODULUS)
                for p in container.demux(container.streams.audio[0])
                if p.pts is not None
            ]


def without_strip(image: Image) -> Image:
    """The rows above the bar code."""
    return image[: image.shape[0] - bar_code.strip_height(image.shape[0])]


def shown_pictures(call: PlayedCall) -> Iterator[ShownPicture]:
    """Decode what was played."""
    decoder = av.CodecContext.create("libvpx", "r")
    for picture, time_ns in zip(call.pictures, call.picture_times_ns(), strict=True):
        for image in _decode(decoder, picture):
            yield ShownPicture(time_ns, picture, without_strip(image))


def _decode(decoder: av.VideoCodecContext, picture: PlayedPicture) -> list[Image]:
    frames = decoder.decode(av.Packet(picture.data))
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]


class NearestDriving:
    """Walks along the recording beside the shown pictures; holds two pictures at a time."""

    def __init__(self, recording: DrivingRecording) -> None:
        self._pictures = recording.pictures()
        self._before: DrivingPicture | None = None
        self._after: DrivingPicture | None = next(self._pictures, None)

    def at(self, capture_time: int) -> Image | None:
        """The crop captured nearest to this time; times of successive calls do not go back."""
        while (
            self._after is not None and ticks_difference(capture_time, self._after.capture_time) > 0
        ):
            self._before, self._after = self._after, next(self._pictures, None)
        near = [picture for picture in (self._before, self._after) if picture is not None]
        if not near:
            return None
        return min(near, key=lambda p: abs(ticks_difference(capture_time, p.capture_time))).image


class Film:
    """An MP4 with pictures at given times and Opus sound as it came. A context manager."""

    def __init__(self, path: Path, *, width: int, height: int, has_audio: bool) -> None:
        self._container = av.open(str(path), "w", format="mp4")
        self._video = self._container.add_stream("libx264", rate=25)
        self._video.width, self._video.height = width, height
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = Fraction(1, TICKS_PER_SECOND)
        self._video.codec_context.time_base = Fraction(1, TICKS_PER_SECOND)
        self._video.options = dict(_QUALITY)
        self._audio = None
        if has_audio:
            self._audio = self._container.add_stream("libopus", rate=AUDIO_RATE, layout="mono")
            self._audio.time_base = Fraction(1, AUDIO_RATE)
        self._last_pts = -1

    def __enter__(self) -> "Film":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._last_pts >= 0:
            for packet in self._video.encode(None):
                self._container.mux(packet)
        self._container.close()

    def add_picture(self, image: Image, time_ns: int) -> None:
        """`time_ns` counts from the film's start; a picture not after the last is left out."""
        pts = time_ns * TICKS_PER_SECOND // 1_000_000_000
        if pts <= self._last_pts:
            return
        self._last_pts = pts
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts = pts
        frame.time_base = Fraction(1, TICKS_PER_SECOND)
        for packet in self._video.encode(frame):
            self._container.mux(packet)

    def add_sound(self, packets: Sequence[tuple[bytes, int]]) -> None:
        """Opus packets with their times from the film's start; before the pictures."""
        last_pts = -1
        for payload, time_ns in packets:
            pts = time_ns * AUDIO_RATE // 1_000_000_000
            if self._audio is None or pts <= last_pts:
                continue
            last_pts = pts
            packet = av.Packet(payload)
            packet.stream = self._audio
            packet.time_base = Fraction(1, AUDIO_RATE)
            packet.pts = packet.dts = pts
            self._container.mux(packet)


def beside(driving: Image | None, rebuilt: Image) -> Image:
    """Driving left, rebuilt right; a grey field where there is no driving picture."""
    if driving is None or driving.shape != rebuilt.shape:
        driving = np.full_like(rebuilt, _GREY)
    return np.concatenate([driving, rebuilt], axis=1)


def write_films(folder: Path, call: PlayedCall, recording: DrivingRecording | None) -> None:
    """folder/rebuilt.mp4 and, with a recording, folder/side_by_side.mp4.

    Times start with the first picture; sound before it is left out. Raises ArtifactError when
    nothing was played.
    """
    shown = shown_pictures(call)
    first = next(shown, None)
    if first is None:
        raise ArtifactError("no picture was played, so there is no film to write")
    sound = [
        (packet.payload, heard_ns - first.time_ns)
        for packet, heard_ns in zip(call.packets, call.packet_times_ns(), strict=True)
        if heard_ns >= first.time_ns
    ]
    height, width = first.image.shape[:2]
    nearest = None if recording is None else NearestDriving(recording)
    with (
        Film(folder / "rebuilt.mp4", width=width, height=height, has_audio=bool(sound)) as rebuilt,
        Film(
            folder / "side_by_side.mp4", width=2 * width, height=height, has_audio=bool(sound)
        ) as pair,
    ):
        rebuilt.add_sound(sound)
        pair.add_sound(sound)
        driving: Image | None = None
        picture: ShownPicture | None = first
        while picture is not None:
            if nearest is not None and picture.capture_time is not None:
                driving = nearest.at(picture.capture_time)
            rebuilt.add_picture(picture.image, picture.time_ns - first.time_ns)
            pair.add_picture(beside(driving, picture.image), picture.time_ns - first.time_ns)
            picture = next(shown, None)
