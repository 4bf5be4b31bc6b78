"""A short film of the project's own portrait, for tests that need a face and its sound."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sender.portrait import MovedPortrait


def write_portrait_clip(
    path: Path,
    *,
    frames: int = 12,
    rate: int = 25,
    blank: range = range(0),
    padding: int = 0,
    sound: bool = False,
) -> Path:
    """Frames of the moved portrait; `blank` ones are grey, `padding` pixels are added left."""
    portrait = MovedPortrait()
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=rate, options={"crf": "10"})
        video.width, video.height, video.pix_fmt = 256 + padding, 256, "yuv420p"
        voice = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for index in range(frames):
            image = np.full((256, 256 + padding, 3), 110, np.uint8)
            if index not in blank:
                image[:, padding:] = portrait.render(index * 3)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if voice is not None:
            count = 16_000 * frames // rate
            tone = np.sin(np.arange(count) * 0.1).astype(np.float32)[np.newaxis] * 0.3
            samples = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
            samples.sample_rate = 16_000
            container.mux(voice.encode(samples))
            container.mux(voice.encode(None))
    return path
