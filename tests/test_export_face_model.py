from pathlib import Path

import numpy as np
import pytest

from export.face_model import TrackedClip, build_face_model
from export.landmarks import clip_identities, clip_paths, tracked_landmarks
from export.mesh_topology import OUTLINE, mesh_topology
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.face_model_file import write_face_model_file
from shared.fitting import FaceFitter
from shared.parameters import FaceParameters, Identity
from tests.material import data_dir

MODEL = FaceModel.load()


def synthetic_clips(count: int, frames: int) -> list[TrackedClip]:
    """Clips of people that the project's own model makes up, turned this way and that."""
    rng = np.random.default_rng(4)
    clips = []
    for number in range(count):
        neutral = MODEL.neutral(Identity(rng.normal(size=40).astype(np.float32)))
        points = []
        for _ in range(frames):
            expression = rng.normal(size=28).astype(np.float32)
            camera = np.array([-1.0, *rng.normal(size=3) * 0.2, 0.1, 0.0, 0.0], np.float32)
            points.append(MODEL.vertices(neutral, FaceParameters(0, expression, camera)))
        clips.append(TrackedClip(f"person {number}", np.array(points)))
    return clips


def test_a_model_of_made_up_people_is_the_model_that_made_them(tmp_path: Path) -> None:
    write_face_model_file(tmp_path / "model.npz", build_face_model(synthetic_clips(40, 10)))
    rebuilt = FaceModel.load(tmp_path / "model.npz")
    assert np.abs(rebuilt.mean - MODEL.mean).mean() < 0.02
    np.testing.assert_array_equal(rebuilt.mirror_vertices, MODEL.mirror_vertices)
    sizes = [np.linalg.norm(basis) for basis in (rebuilt.expression_basis, MODEL.expression_basis)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.2)
    # It says what the other says: a face of the one is fitted well by the other.
    expression = np.random.default_rng(9).normal(size=28).astype(np.float32)
    camera = np.array([-1.0, 0.1, -0.2, 0.0, 0.0, 0.0, 0.0], np.float32)
    points = MODEL.vertices(MODEL.mean, FaceParameters(0, expression, camera))
    fitted = FaceFitter(rebuilt).fit(points, MODEL.mean, capture_time=0)
    error = np.linalg.norm((rebuilt.vertices(MODEL.mean, fitted) - points)[:, :2], axis=1)
    assert error.mean() * 128 < 0.6


def test_components_are_symmetric_or_antisymmetric_strongest_first_and_signed() -> None:
    arrays = build_face_model(synthetic_clips(8, 10))
    flip = np.array([-1.0, 1.0, 1.0])
    for name in ("identity", "expression"):
        basis, signs = arrays[f"{name}_basis"], arrays[f"{name}_mirror"]
        mirrored = basis[:, arrays["mirror_vertices"]] * flip
        np.testing.assert_allclose(mirrored, basis * signs[:, None, None], atol=1e-5)
        symmetric = basis[signs > 0]
        assert np.all(symmetric[:, 14, 1] >= symmetric[:, 13, 1])
    assert set(arrays["expression_mirror"]) == {-1, 1}
    # Eight people say no more than eight symmetric and eight antisymmetric things.
    assert np.count_nonzero(np.abs(arrays["identity_basis"]).max((1, 2))) <= 16


def test_the_topology_is_its_own_mirror_image() -> None:
    topology = mesh_topology()
    mirror = topology.mirror_vertices
    np.testing.assert_array_equal(mirror[mirror], np.arange(478))
    np.testing.assert_array_equal(mirror[list(OUTLINE)], np.roll(OUTLINE[::-1], 1))
    np.testing.assert_array_equal(topology.vertex_groups[mirror], topology.vertex_groups)


def test_a_small_real_subset_is_tracked_cached_and_built(tmp_path: Path) -> None:
    data = data_dir() / "faces" / "train"
    identities = clip_identities(data)
    shortest = sorted(clip_paths(data), key=lambda path: path.stat().st_size)[:3]
    clips = []
    for path in shortest:
        points = tracked_landmarks(path, tmp_path)
        assert points.shape[1:] == (478, 3)
        assert np.abs(points[:, :, :2]).max() < 1.2
        np.testing.assert_array_equal(tracked_landmarks(path, tmp_path), points)
        clips.append(TrackedClip(identities[path.stem], points))
    assert len(list(tmp_path.glob("*.npy"))) == 3
    arrays = build_face_model(clips)
    assert np.linalg.norm(arrays["mean"] - MODEL.mean, axis=1).mean() < 0.3


def test_a_folder_without_clips_and_a_clip_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no video files"):
        clip_paths(tmp_path)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    assert clip_paths(tmp_path) == [broken]
    with pytest.raises(ArtifactError, match="cannot be decoded"):
        tracked_landmarks(broken, tmp_path)
    assert clip_identities(tmp_path) == {}
