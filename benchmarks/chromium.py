"""The system's Chromium, and the film that it takes for its camera."""

import os
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image as PillowImage

from shared.parameters import Image

CAMERA_SIZE = (480, 360)

ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""A browser for measurements and tests: it asks nobody on the network for anything."""


def find_chromium() -> str | None:
    """Its path: KILOCALL_CHROMIUM, or one of the usual names."""
    for name in (
        os.environ.get("KILOCALL_CHROMIUM"),
        "chromium",
        "chromium-browser",
        "google-chrome",
    ):
        path = None if name is None else shutil.which(name)
        if path is not None:
            return path
    return None


def camera_arguments(film: Path, sound: Path | None = None) -> tuple[str, ...]:
    """A film for a camera, again and again, and a .wav for a microphone, both allowed at once."""
    arguments = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
        "--autoplay-policy=no-user-gesture-required",
    )
    if sound is None:
        return arguments
    return (*arguments, f"--use-file-for-fake-audio-capture={sound}")


def fit_to_camera(image: Image) -> Image:
    """A picture scaled and cut to what the camera gives."""
    width, height = CAMERA_SIZE
    scale = max(width / image.shape[1], height / image.shape[0])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    scaled = PillowImage.fromarray(image).resize(size)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.array(scaled.crop((left, top, left + width, top + height)))


def write_camera_film(images: Sequence[Image], path: Path, fps: int) -> None:
    """Pictures of CAMERA_SIZE as .y4m, whose rate Chromium keeps."""
    width, height = CAMERA_SIZE
    with av.open(str(path), "w", format="yuv4mpegpipe") as output:
        stream = output.add_stream("wrapped_avframe", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
