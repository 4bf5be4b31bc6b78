"""Recordings play there and back again, and survive the way to another process."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.clip import Clip, ClipWriter
from benchmarks.wire_track import RecordedTrack
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from tests.material import faces_test_clip
from tests.wire_recording import nodding_track


def test_a_recording_is_played_there_and_back_again() -> None:
    track = nodding_track(frames=4)
    assert [track.index_at(position) for position in range(9)] == [0, 1, 2, 3, 2, 1, 0, 1, 2]


def test_a_recording_survives_a_file(tmp_path: Path) -> None:
    track = nodding_track()
    track.save(tmp_path / "track.npz")
    loaded = RecordedTrack.load(tmp_path / "track.npz")
    assert (loaded.name, loaded.fps, loaded.first) == (track.name, track.fps, track.first)
    assert (loaded.crop, loaded.frame_size) == (track.crop, track.frame_size)
    np.testing.assert_array_equal(loaded.vectors, track.vectors)
    np.testing.assert_array_equal(loaded.identity.coefficients, track.identity.coefficients)
    reference, again = track.reference(), loaded.reference()
    assert again.picture == reference.picture
    np.testing.assert_array_equal(again.reference.image, reference.reference.image)


def test_frames_without_a_face_have_no_parameters() -> None:
    track = nodding_track()
    track.vectors[3] = np.nan
    assert track.parameters(3, 0) is None
    assert track.parameters(4, 77).capture_time == 77  # type: ignore[union-attr]


def test_a_clip_is_recorded() -> None:
    track = RecordedTrack.record(Clip.open(faces_test_clip("lp_d20_1")), FaceModel.load())
    assert track.vectors.shape == (171, 35)
    assert track.landmarks.shape == (171, 478, 3)
    assert np.isfinite(track.vectors).all()


def test_a_clip_without_a_face_says_so(tmp_path: Path) -> None:
    like = Clip.open(faces_test_clip("lp_d20_1"))
    path = tmp_path / "grey.mp4"
    writer = ClipWriter(path, like, width=128, height=128)
    for frame in like.frames():
        writer.write(np.full((128, 128, 3), 90, np.uint8), frame)
    writer.close()
    with pytest.raises(ArtifactError, match="no face in 171 frames, one is needed"):
        RecordedTrack.record(Clip.open(path), FaceModel.load())
