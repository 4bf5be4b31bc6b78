"""What was captured can be read back with its capture times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sender.recording import START_KEY, Recording
from shared.errors import ConfigError
from shared.parameters import Crop

_START = 2**32 - 5000


def test_pictures_and_packets_keep_their_capture_times(tmp_path: Path) -> None:
    path = tmp_path / "driving.mp4"
    recording = Recording(path, has_audio=True)
    frame = np.zeros((300, 400, 3), np.uint8)
    frame[:, 200:] = 255
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = 48_000
    encoder.layout = "mono"
    encoder.format = "s16"
    sound = av.AudioFrame.from_ndarray(
        np.random.default_rng(1).integers(-9000, 9000, (1, 960 * 30), np.int16), "s16", "mono"
    )
    sound.sample_rate = 48_000
    payloads = [bytes(packet) for packet in encoder.encode(sound)]
    times = [(_START + index * 3601) % 2**32 for index in range(10)]
    recording.add_audio(payloads[0], _START)  # nothing to align it to yet: left out
    for index, capture_time in enumerate(times):
        recording.add_picture(frame, Crop(60, 0, 280), capture_time)
        recording.add_picture(frame, Crop(60, 0, 280), capture_time)  # twice: left out
        recording.add_audio(payloads[index + 1], (capture_time + 450) % 2**32)
    recording.close()

    with av.open(str(path)) as container:
        assert container.metadata["comment"] == f"{START_KEY}{_START}"
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.time_base == Fraction(1, 90_000)
        pictures = list(container.decode(video))
        assert [round(p.time * 90_000) for p in pictures] == [i * 3601 for i in range(10)]
        rebuilt = pictures[-1].to_ndarray(format="rgb24")
        assert rebuilt.shape == (256, 256, 3)
        assert rebuilt[:, :100].mean() < 10
        assert rebuilt[:, 160:].mean() > 245
        container.seek(0)
        packets = [p for p in container.demux(audio) if p.pts is not None]
        assert [bytes(p) for p in packets] == payloads[1:11]
        ticks = [round((p.pts or 0) * 90_000 / 48_000) for p in packets]
        assert all(abs(t - (i * 3601 + 450)) <= 2 for i, t in enumerate(ticks))


def test_an_empty_recording_closes(tmp_path: Path) -> None:
    Recording(tmp_path / "driving.mp4", has_audio=False).close()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"driving\.mp4 cannot be written"):
        Recording(tmp_path / "nowhere" / "driving.mp4", has_audio=False)
