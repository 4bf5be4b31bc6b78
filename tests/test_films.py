"""The films show what was played, beside what was captured at the same time."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.films import DrivingRecording, write_films
from benchmarks.played_call import PlayedCall, PlayedPacket, PlayedPicture
from sender.recording import Recording
from shared.errors import ArtifactError
from shared.parameters import Crop

_START = 2**32 - 30_000
_MS = 1_000_000


def _level(index: int) -> int:
    return 30 + 8 * index


def _recording(path: Path, payloads: list[bytes]) -> DrivingRecording:
    """25 flat pictures, each brighter than the last, and sound."""
    recording = Recording(path, has_audio=True)
    for i in range(25):
        frame = np.full((256, 256, 3), _level(i), np.uint8)
        recording.add_picture(frame, Crop(0, 0, 256), (_START + 3600 * i) % 2**32)
        recording.add_audio(payloads[i], (_START + 3600 * i) % 2**32)
    recording.close()
    return DrivingRecording(path)


def _payloads() -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    samples = np.random.default_rng(1).integers(-9000, 9000, (1, 960 * 40), np.int16)
    sound = av.AudioFrame.from_ndarray(samples, "s16", "mono")
    sound.sample_rate = 48_000
    return [bytes(packet) for packet in encoder.encode(sound)]


def _played(payloads: list[bytes], shown: list[int]) -> PlayedCall:
    """These of the pictures, rebuilt without loss, 100 ms late."""
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width = encoder.height = 256
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.options = {"deadline": "realtime", "lag-in-frames": "0"}
    call = PlayedCall()
    for i in shown:
        image = np.full((256, 256, 3), _level(i), np.uint8)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = i, Fraction(1, 25)
        data = b"".join(bytes(packet) for packet in encoder.encode(frame))
        call.pictures.append(
            PlayedPicture(data, 3600 * i, (100 + 40 * i) * _MS, (_START + 3600 * i) % 2**32, 100.0)
        )
        call.packets.append(PlayedPacket(payloads[i], 1920 * i, (100 + 40 * i) * _MS))
    return call


def test_pictures_stand_beside_those_of_their_capture_time(tmp_path: Path) -> None:
    payloads = _payloads()
    recording = _recording(tmp_path / "driving.mp4", payloads)
    shown = [2, 3, 4, 10, 11, 24]
    write_films(tmp_path, _played(payloads, shown), recording)
    with av.open(str(tmp_path / "side_by_side.mp4")) as film:
        pictures = list(film.decode(film.streams.video[0]))
        assert [round((p.time or 0) * 1000) for p in pictures] == [40 * (i - 2) for i in shown]
        for index, picture in zip(shown, pictures, strict=True):
            image = picture.to_ndarray(format="rgb24")
            assert image.shape == (240, 512, 3)
            assert image[:, :250].mean() == pytest.approx(_level(index), abs=3)
            assert image[:, 262:].mean() == pytest.approx(_level(index), abs=3)
    with av.open(str(tmp_path / "rebuilt.mp4")) as film:
        assert film.streams.video[0].width == 256
        sound = [bytes(p) for p in film.demux(film.streams.audio[0]) if p.pts is not None]
        assert sound == [payloads[i] for i in shown]


def test_without_a_recording_the_left_half_is_grey(tmp_path: Path) -> None:
    write_films(tmp_path, _played(_payloads(), [0, 1]), None)
    with av.open(str(tmp_path / "side_by_side.mp4")) as film:
        image = next(film.decode(film.streams.video[0])).to_ndarray(format="rgb24")
    assert image[:, :250].mean() == pytest.approx(40, abs=3)


def test_nothing_played_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no picture was played, so there is no film to write"):
        write_films(tmp_path, PlayedCall(), None)


def test_another_film_is_no_recording(tmp_path: Path) -> None:
    write_films(tmp_path, _played(_payloads(), [0, 1]), None)
    with pytest.raises(ArtifactError, match="is no recording of a sender"):
        DrivingRecording(tmp_path / "rebuilt.mp4")
