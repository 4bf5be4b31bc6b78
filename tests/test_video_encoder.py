"""The picture hop's VP8: no denoiser, and a new stream only where rate or size ask for one."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import aiortc.codecs
import av
import numpy as np
import pytest
from aiortc import RTCRtpCodecParameters
from aiortc.codecs.vpx import Vp8Encoder, vp8_depayload
from numpy.typing import NDArray

from shared.clock import TICKS_PER_SECOND
from tests.adjusted import adjust

adjust()

Planar = NDArray[np.uint8]

_VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=TICKS_PER_SECOND, payloadType=97)
_SIDE = 64


def soft_pictures(count: int, side: int = _SIDE) -> list[Planar]:
    """(3 S / 2, S) planar: faint waves, as skin has them, that drift by half a pixel a frame."""
    rows, columns = np.mgrid[:side, :side]
    pictures = []
    for number in range(count):
        picture = np.full((side * 3 // 2, side), 128, np.uint8)
        waves = np.sin((columns + number / 2) * 1.3) + np.sin((rows - number / 2) * 0.9)
        picture[:side] = 128 + np.rint(4 * waves)
        pictures.append(picture)
    return pictures


def sent_encoder() -> Vp8Encoder:
    """What a session's sender encodes with."""
    encoder = aiortc.codecs.get_encoder(_VP8)
    assert isinstance(encoder, Vp8Encoder)
    return encoder


def encoded(encoder: Vp8Encoder, pictures: Iterable[Planar]) -> list[bytes]:
    """A stream's frames."""
    found = []
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        payloads, _ = encoder.encode(frame)
        found.append(b"".join(vp8_depayload(payload) for payload in payloads))
    return found


def squared_error(stream: Sequence[bytes], pictures: Sequence[Planar]) -> float:
    """Mean over the stream's second half, of the brightness."""
    decoder = av.CodecContext.create("libvpx", "r")
    errors = []
    for data, picture in zip(stream, pictures, strict=True):
        (shown,) = decoder.decode(av.Packet(data))
        assert isinstance(shown, av.VideoFrame)
        difference = shown.to_ndarray(format="yuv420p")[:_SIDE].astype(float) - picture[:_SIDE]
        errors.append(float(np.mean(difference**2)))
    return float(np.mean(errors[len(errors) // 2 :]))


def is_key(data: bytes) -> bool:
    """RFC 6386, section 9.1."""
    return data[0] & 1 == 0


def test_faint_detail_that_moves_is_not_taken_for_noise() -> None:
    pictures = soft_pictures(30)
    ours = squared_error(encoded(sent_encoder(), pictures), pictures)
    webcam = squared_error(encoded(Vp8Encoder(), pictures), pictures)
    assert ours < webcam / 2


def test_one_stream_as_long_as_rate_and_size_stay() -> None:
    encoder = sent_encoder()
    stream = encoded(encoder, soft_pictures(3))
    encoder.target_bitrate = int(encoder.target_bitrate * 0.95)
    stream += encoded(encoder, soft_pictures(3))
    assert [is_key(data) for data in stream] == [True] + 5 * [False]


@pytest.mark.parametrize(("rate", "side"), [(0.8, _SIDE), (1.0, 2 * _SIDE)])
def test_another_rate_or_size_begins_a_new_stream(rate: float, side: int) -> None:
    encoder = sent_encoder()
    encoded(encoder, soft_pictures(3))
    encoder.target_bitrate = int(encoder.target_bitrate * rate)
    stream = encoded(encoder, soft_pictures(3, side))
    assert [is_key(data) for data in stream] == [True, False, False]
