"""AVIF stills to RGB with a bound on the size that is decoded.

libavif believes the size in the container and then decodes, and scales, whatever the AV1 data
holds: 2 KB can be 10,000 x 10,000 pixels. FFmpeg's dav1d takes a limit, so it decodes here.
"""

import io

import av
import cv2
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from shared.errors import BitstreamError
from shared.limits import REFERENCE_SIDE_MAX_PIXELS
from shared.parameters import Image

_MAX_PIXELS = REFERENCE_SIDE_MAX_PIXELS * REFERENCE_SIDE_MAX_PIXELS
_OPTIONS = {"max_pixels": str(_MAX_PIXELS), "threads": "1"}
_PIXEL_FORMATS = frozenset({"yuv420p", "yuv444p", "yuvj420p", "yuvj444p"})
_BT601_MATRICES = frozenset({5, 6})
_FULL_RANGE = 2


def decode_avif(data: bytes) -> Image:
    """(H, W, 3) RGB of a still: 8 bits, 4:2:0 or 4:4:4, full range, BT.601.

    Raises BitstreamError for any other and for one of more pixels than a reference may have.
    """
    try:
        # The options go to the probing of the stream too, which decodes a frame.
        file = io.BytesIO(data)
        with av.open(file, "r", format="mov", stream_options=[_OPTIONS]) as container:  # type: ignore[call-overload]
            stream = container.streams.video[0]
            stream.codec_context.options = _OPTIONS
            frame = next(container.decode(stream))
    except (av.FFmpegError, StopIteration, IndexError, ValueError) as err:
        raise BitstreamError(
            f"an avif picture that does not decode ({type(err).__name__}), "
            f"{REFERENCE_SIDE_MAX_PIXELS} pixels a side are allowed"
        ) from err
    layout = (frame.format.name, int(frame.colorspace), int(frame.color_range))
    if (
        frame.format.name not in _PIXEL_FORMATS
        or int(frame.colorspace) not in _BT601_MATRICES
        or int(frame.color_range) != _FULL_RANGE
    ):
        raise BitstreamError(f"an avif picture of layout {layout}, 8-bit BT.601 is allowed")
    size = frame.width, frame.height
    luma, blue, red = (_plane(plane, size) for plane in frame.planes)
    return np.asarray(cv2.cvtColor(np.dstack([luma, red, blue]), cv2.COLOR_YCrCb2RGB), np.uint8)


def _plane(plane: VideoPlane, size: tuple[int, int]) -> NDArray[np.uint8]:
    """One plane at full size; swscale's default would cost 0.35 dB."""
    samples = np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)
    samples = samples[: plane.height, : plane.width]
    if (plane.width, plane.height) == size:
        return samples
    return np.asarray(cv2.resize(samples, size, interpolation=cv2.INTER_LINEAR), np.uint8)
