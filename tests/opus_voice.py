"""Something like a voice, and Opus packets of it."""

from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

RATE = 48_000


def voice(seconds: float, seed: int = 1) -> NDArray[np.int16]:
    """(N,) noise in the rhythm of syllables, with pauses."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * 120 * k * t + rng.uniform(0, 6)) / k for k in range(1, 20))
    loudness = np.clip(np.sin(2 * np.pi * 2.3 * t), 0, 1)
    sound = loudness * (tone + 0.3 * rng.standard_normal(len(t)))
    return np.asarray(sound * 4000, np.int16)


def encoded(
    duration_ms: str,
    *,
    application: str = "voip",
    bitrate_bps: int = 16_000,
    vbr: str = "constrained",
    layout: str = "mono",
    dtx: bool = False,
    seconds: float = 0.6,
) -> list[bytes]:
    """Packets of libopus with that much voice."""
    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, layout, "s16"
    encoder.bit_rate = bitrate_bps
    encoder.time_base = Fraction(1, RATE)
    encoder.options = {
        "application": application,
        "frame_duration": duration_ms,
        "vbr": vbr,
        "dtx": str(int(dtx)),
    }
    encoder.open()
    samples = voice(seconds)
    if layout == "stereo":
        samples = np.stack([samples, np.roll(samples, 700)], axis=1).reshape(-1)
    channels = 2 if layout == "stereo" else 1
    size = int(RATE * float(duration_ms) / 1000)
    packets = []
    for index in range(len(samples) // channels // size):
        piece = samples[index * size * channels : (index + 1) * size * channels]
        frame = av.AudioFrame.from_ndarray(piece[None], format="s16", layout=layout)
        frame.sample_rate, frame.pts = RATE, index * size
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets
