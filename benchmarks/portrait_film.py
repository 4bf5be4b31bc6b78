"""The built-in portrait as a film with sound, for measurements that no clip was given to.

The picture is what `sender.portrait` shows to a camera; the sound is made up: voiced bursts with
pauses, so that an encoder's silence detection and a receiver's relay have what a voice gives.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from sender.portrait import MovedPortrait
from shared.parameters import CROP_SIZE

_SAMPLE_RATE_HZ = 48_000
_PITCH_HZ = 140.0
_SYLLABLES_HZ = 4.0
_SPOKEN_SECONDS = 2.0
_PAUSE_SECONDS = 1.0
_QUALITY = {"crf": "12", "preset": "veryfast"}


def write_portrait_film(path: Path) -> Path:
    """One round of the portrait's motion, 9.2 s, whose end meets its beginning."""
    portrait = MovedPortrait()
    rate = Fraction(portrait.fps).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=rate, options=_QUALITY)
        video.width, video.height, video.pix_fmt = CROP_SIZE, CROP_SIZE, "yuv420p"
        sound = container.add_stream("aac", rate=_SAMPLE_RATE_HZ, layout="mono")
        for index in range(portrait.frame_count):
            frame = av.VideoFrame.from_ndarray(portrait.render(index), format="rgb24")
            frame.pts, frame.time_base = index, 1 / rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        voice = _voice(int(portrait.frame_count / rate * _SAMPLE_RATE_HZ))
        samples = av.AudioFrame.from_ndarray(voice[np.newaxis], "fltp", "mono")
        samples.sample_rate = _SAMPLE_RATE_HZ
        container.mux(sound.encode(samples))
        container.mux(sound.encode(None))
    return path


def _voice(count: int) -> NDArray[np.float32]:
    """(count,) samples in [-1, 1]: harmonics of one pitch in syllables, then a pause."""
    seconds = np.arange(count) / _SAMPLE_RATE_HZ
    pitch = _PITCH_HZ * (1 + 0.05 * np.sin(2 * np.pi * 0.7 * seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / _SAMPLE_RATE_HZ
    harmonics = np.stack([np.sin(n * phase) / n for n in range(1, 9)]).sum(axis=0)
    syllables = np.sin(np.pi * _SYLLABLES_HZ * seconds) ** 2
    speaks = seconds % (_SPOKEN_SECONDS + _PAUSE_SECONDS) < _SPOKEN_SECONDS
    return (0.2 * harmonics * syllables * speaks).astype(np.float32)
