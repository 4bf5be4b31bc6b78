"""Preparing clips and stills for training, and the files it writes."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from export.__main__ import app
from export.prepare import Preparer, Source, find_sources
from export.prepare_command import command as prepare
from export.provenance import ClipSource, read_sources
from export.training.store import read_clip, read_store, write_clip
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.parameters import Image
from tests.material import clip_frames, data_dir, faces_clips
from tests.prepared import prepared_clip, prepared_folder


def test_a_clip_reads_as_it_was_written(tmp_path: Path) -> None:
    clip = prepared_clip("walk", 5)
    write_clip(tmp_path / "walk.npz", clip)
    read = read_clip(tmp_path / "walk.npz")
    assert (read.stem, read.identity, read.face_model) == (
        clip.stem,
        clip.identity,
        clip.face_model,
    )
    for name in ("jpeg", "offsets", "landmarks", "symbols", "reference_vectors", "residual"):
        np.testing.assert_array_equal(getattr(read, name), getattr(clip, name))
    assert (read.frame_count, read.neutral_count) == (5, 2)
    assert read.image(4).shape == (256, 256, 3)


def test_parameters_of_a_frame_agree_to_the_wires_steps() -> None:
    clip = prepared_clip("walk", 5)
    driving, reference = clip.driving(0, 3), clip.reference(0, 3)
    np.testing.assert_allclose(driving.camera, reference.camera, atol=2**-6)
    np.testing.assert_allclose(driving.expression, reference.expression, atol=1.001)
    assert not np.array_equal(driving.vector, reference.vector)


def test_a_folder_without_prepared_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no prepared clips"):
        read_store(tmp_path, "")
    with pytest.raises(ArtifactError, match="no prepared clips"):
        read_store(tmp_path / "missing", "")


def test_clips_of_another_face_model_are_refused(tmp_path: Path) -> None:
    prepared_folder(tmp_path, prepared_clip("walk", 2))
    with pytest.raises(ArtifactError, match=r"the present one is 1111111111111111: prepare again"):
        read_store(tmp_path, "1" * 64)


@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04"])
def test_a_file_that_is_no_prepared_clip_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"bad\.npz: .*a prepared clip is expected"):
        read_clip(tmp_path / "bad.npz")


def test_non_commercial_sources_are_refused(tmp_path: Path) -> None:
    clips = tmp_path / "train"
    clips.mkdir()
    for name in ("free.mp4", "nc.mp4", "unlisted.jpg", "incognito.mp4"):
        (clips / name).touch()
    (tmp_path / "manifest.csv").write_text(
        "clip,identity,repo_license\n"
        "train/free.mp4,ann,MIT\ntrain/nc.mp4,bob,CC-BY-NC\ntrain/incognito.mp4,cy,ANCIENT\n"
    )
    sources = find_sources([clips])
    assert [(one.path.name, one.identity) for one in sources.usable] == [
        ("free.mp4", "ann"),
        ("incognito.mp4", "cy"),
        ("unlisted.jpg", "unlisted"),
    ]
    assert [one.path.name for one in sources.refused] == ["nc.mp4"]


def test_a_folder_is_known_by_its_place_however_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "nc.mp4").touch()
    (tmp_path / "manifest.csv").write_text(
        "clip,identity,repo_license\ntrain/nc.mp4,bob,CC BY-NC 4.0\n"
    )
    monkeypatch.chdir(tmp_path / "train")
    assert find_sources([Path()]).usable == ()
    with pytest.raises(ArtifactError, match="1 clips and stills, all of licences that forbid"):
        prepare([Path()], out=tmp_path / "out")


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ArtifactError, match="no clips or stills"):
        find_sources([tmp_path])


def test_files_that_are_no_pictures_are_refused(tmp_path: Path) -> None:
    preparer = Preparer(FaceModel.load())
    for name in ("bad.mp4", "bad.jpg"):
        (tmp_path / name).write_bytes(b"neither")
        with pytest.raises(ArtifactError, match=f"{name}: cannot be decoded"):
            preparer.prepare(Source(tmp_path / name, "nobody"))


def test_a_still_without_a_face_gives_nothing(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((256, 256, 3), 128, np.uint8))
    assert Preparer(FaceModel.load()).prepare(Source(path, "nobody")) is None


def test_pictures_without_any_face_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    cv2.imwrite(str(tmp_path / "data" / "grey.png"), np.full((256, 256, 3), 128, np.uint8))
    with pytest.raises(ArtifactError) as caught:
        prepare([tmp_path / "data"], out=tmp_path / "out")
    assert str(caught.value) == (
        f"{tmp_path / 'data'}: no face in any of 1 clips and stills, "
        "enough frames of one are expected"
    )


def face_picture() -> Image:
    data_dir()
    return next(iter(clip_frames(faces_clips("val")[0], 1)))


def test_a_prepared_still_is_its_face_where_the_picture_has_it(tmp_path: Path) -> None:
    model = FaceModel.load()
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), face_picture()[..., ::-1])
    clip = Preparer(model).prepare(Source(path, "someone"))
    assert clip is not None
    assert (clip.frame_count, clip.neutral_count) == (1, 1)
    vertices = model.vertices(model.neutral(clip.person(0)), clip.reference(0, 0))
    error_px = 128 * np.linalg.norm(vertices[:, :2] - clip.points(0)[:, :2], axis=1)
    assert error_px.mean() < 0.25
    assert np.abs(clip.image(0).astype(int) - face_picture()).mean() < 3


def test_a_wide_picture_is_cropped_around_the_head(tmp_path: Path) -> None:
    wide = np.zeros((360, 640, 3), np.uint8)
    wide[50:306, 320:576] = face_picture()
    path = tmp_path / "wide.png"
    cv2.imwrite(str(path), wide[..., ::-1])
    clip = Preparer(FaceModel.load()).prepare(Source(path, "someone"))
    assert clip is not None
    across = clip.points(0)[:, 0]
    assert abs(float(across.min() + across.max())) < 0.05
    assert clip.image(0).shape == (256, 256, 3)


def test_the_command_resumes(tmp_path: Path) -> None:
    stills = tmp_path / "stills"
    stills.mkdir()
    cv2.imwrite(str(stills / "face.png"), face_picture()[..., ::-1])
    arguments = ["prepare", "--data", str(stills), "--out", str(tmp_path / "out")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    written = tmp_path / "out" / "face.npz"
    before = written.stat().st_mtime_ns
    (tmp_path / "manifest.csv").write_text(
        "clip,identity,source_repo,repo_license\nstills/face.png,ann,some/where,MIT\n"
    )
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert written.stat().st_mtime_ns == before
    assert read_sources(tmp_path / "out") == [ClipSource("face", "ann", 1, "some/where", "MIT")]
    written.write_bytes(b"cut short")
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert read_clip(written).frame_count == 1
