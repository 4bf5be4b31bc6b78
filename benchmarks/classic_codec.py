"""Clips through today's video codecs, set up as a call would, and back.

No picture waits for a later one: no B pictures, no look-ahead, one pass. The quantizer is fixed
over a clip, which takes no rate from a codec for keeping to it, and there is one intra picture,
the first. Presets are as slow as one core allows at 25 pictures a second of 256 x 256, and
slower than calls use.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Literal

import av
import numpy as np

from shared.errors import ArtifactError
from shared.parameters import Image

_NEVER = 100_000
"""Pictures between two intra pictures."""


class Codec(StrEnum):
    """Codecs of video calls."""

    X264 = "x264"
    VP8 = "VP8"
    VP9 = "VP9"
    AV1 = "AV1"


@dataclass(frozen=True, slots=True)
class CodecSettings:
    """How a codec is run; stated beside its results."""

    encoder: str
    decoder: str
    options: dict[str, str]
    """Of FFmpeg; `{q}` stands for the quantizer."""

    quantizers: range
    """From the finest worth trying to the coarsest that there is."""

    def describe(self) -> str:
        """As one line."""
        options = " ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.encoder} {options.replace('{q}', 'Q')}, no B pictures, 1 thread"


def _libvpx(*, speed: int) -> dict[str, str]:
    return {
        "deadline": "good",
        "cpu-used": str(speed),
        "lag-in-frames": "0",
        "auto-alt-ref": "0",
        "crf": "{q}",
        "qmin": "{q}",
        "qmax": "{q}",
        "b": "0",
    }


CODECS = {
    Codec.X264: CodecSettings(
        encoder="libx264",
        decoder="h264",
        options={
            "preset": "slow",
            "tune": "zerolatency",
            "qp": "{q}",
            "x264-params": "keyint=infinite:scenecut=0",
        },
        quantizers=range(17, 52, 2),
    ),
    Codec.VP8: CodecSettings(
        encoder="libvpx",
        decoder="vp8",
        options=_libvpx(speed=0),
        quantizers=range(13, 64, 2),
    ),
    Codec.VP9: CodecSettings(
        encoder="libvpx-vp9",
        decoder="vp9",
        options=_libvpx(speed=4),
        quantizers=range(15, 64, 2),
    ),
    Codec.AV1: CodecSettings(
        encoder="libsvtav1",
        decoder="libdav1d",
        options={
            "preset": "7",
            "qp": "{q}",
            "svtav1-params": "pred-struct=1:lookahead=0:keyint=-1:rc=0:aq-mode=0:scd=0",
        },
        quantizers=range(15, 64, 2),
    ),
}


def missing(codec: Codec) -> str | None:
    """What PyAV lacks for a codec, None when it is all there."""
    settings = CODECS[codec]
    try:
        _context(settings.encoder, "w")
        _context(settings.decoder, "r")
    except av.codec.codec.UnknownCodecError as error:
        return f"PyAV {av.__version__} is built without {error}"
    return None


def encode(codec: Codec, pictures: Sequence[Image], rate: Fraction, quantizer: int) -> list[bytes]:
    """One packet a picture. Raises ArtifactError where the encoder fails or merges pictures."""
    settings = CODECS[codec]
    # SVT-AV1 greets on standard error unless told to keep to errors.
    os.environ.setdefault("SVT_LOG", "1")
    try:
        context = _context(settings.encoder, "w")
        context.height, context.width = pictures[0].shape[:2]
        context.pix_fmt = "yuv420p"
        context.framerate, context.time_base = rate, 1 / rate
        context.gop_size, context.max_b_frames, context.thread_count = _NEVER, 0, 1
        context.options = {
            name: value.replace("{q}", str(quantizer)) for name, value in settings.options.items()
        }
        with _same_priority():
            context.open()
        packets: list[bytes] = []
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            packets += [bytes(packet) for packet in context.encode(frame)]
        packets += [bytes(packet) for packet in context.encode(None)]
    except av.error.FFmpegError as error:
        raise ArtifactError(f"{settings.encoder}: {error.strerror}") from error
    if len(packets) != len(pictures):
        raise ArtifactError(
            f"{settings.encoder}: {len(packets)} packets of {len(pictures)} pictures"
        )
    return packets


def decode(codec: Codec, packets: Sequence[bytes]) -> list[Image]:
    """The pictures of `encode`. Raises ArtifactError."""
    settings = CODECS[codec]
    try:
        context = _context(settings.decoder, "r")
        frames = [frame for data in packets for frame in context.decode(av.Packet(data))]
        frames += context.decode(None)
    except av.error.FFmpegError as error:
        raise ArtifactError(f"{settings.decoder}: {error.strerror}") from error
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]


@contextmanager
def _same_priority() -> Iterator[None]:
    """SVT-AV1 makes the thread that opens it a real-time one where it may, as for root: nothing
    else on the machine would run beside it, nor beside what is measured after it."""
    if not hasattr(os, "sched_setscheduler"):  # Linux alone
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def _context(name: str, mode: Literal["r", "w"]) -> av.VideoCodecContext:
    context = av.CodecContext.create(name, mode)
    assert isinstance(context, av.VideoCodecContext)
    return context
