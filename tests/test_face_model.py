import hashlib
from pathlib import Path

import numpy as np
import pytest

from shared.errors import ArtifactError
from shared.face_model import DEFAULT_PATH, FaceModel, Region, VertexGroup
from shared.face_model_file import write_face_model_file
from shared.parameters import Identity
from shared.projection import project
from tests.faces import MEAN_IDENTITY, face_parameters

MODEL = FaceModel.load()
FLIP = np.array([-1.0, 1.0, 1.0], np.float32)


def file_arrays() -> dict[str, np.ndarray]:
    with np.load(DEFAULT_PATH) as archive:
        return {key: archive[key] for key in archive.files}


def saved(path: Path, **changes: np.ndarray | None) -> Path:
    arrays = {**file_arrays(), **changes}
    members = {key: array for key, array in arrays.items() if array is not None}
    np.savez(path, allow_pickle=False, **members)
    return path


def test_the_model_is_small_cached_and_named_by_its_bytes() -> None:
    assert FaceModel.load() is MODEL
    assert DEFAULT_PATH.stat().st_size < 1_000_000
    assert MODEL.digest == hashlib.sha256(DEFAULT_PATH.read_bytes()).hexdigest()
    assert MODEL.version == 1


def test_the_mean_is_centred_scaled_and_symmetric() -> None:
    np.testing.assert_allclose(MODEL.mean.mean(0), 0.0, atol=1e-5)
    assert np.sqrt(np.mean(np.sum(MODEL.mean**2, 1))) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(MODEL.mean[MODEL.mirror_vertices] * FLIP, MODEL.mean, atol=1e-5)


def test_every_component_keeps_its_mirror_sign() -> None:
    for basis, signs in (
        (MODEL.identity_basis, MODEL.identity_mirror),
        (MODEL.expression_basis, MODEL.expression_mirror),
    ):
        mirrored = basis[:, MODEL.mirror_vertices] * FLIP
        np.testing.assert_allclose(mirrored, basis * signs[:, None, None], atol=1e-5)


def test_left_is_the_persons_own_and_the_nose_points_at_the_viewer() -> None:
    left_iris, right_iris, nose = MODEL.mean[473], MODEL.mean[468], MODEL.mean[1]
    assert left_iris[0] > 0.0 > right_iris[0]
    assert nose[2] == pytest.approx(MODEL.mean[:, 2].min(), abs=0.05)


def test_triangles_of_each_region_and_all_front_sides_out() -> None:
    counts = {Region(i): int(n) for i, n in enumerate(np.bincount(MODEL.triangle_regions)) if n}
    assert counts[Region.SKIN] + counts[Region.LIPS] == 852
    assert counts[Region.MOUTH] == 18
    assert counts[Region.LEFT_EYE] == counts[Region.RIGHT_EYE] == 14
    assert counts[Region.LEFT_IRIS] == counts[Region.RIGHT_IRIS] == 4
    first, second, third = MODEL.mean[MODEL.triangles][:, :, :2].transpose(1, 0, 2)
    a, b = second - first, third - first
    # All but a few folds at the nostrils and the jaw face the viewer.
    assert np.mean(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0.0) > 0.97
    assert set(MODEL.triangles.ravel()) == set(range(478))


def test_vertex_groups() -> None:
    groups = MODEL.vertex_groups
    assert np.all(groups[[13, 14, 61, 291]] == VertexGroup.LIPS)
    assert np.all(groups[[33, 133, 263, 362, 159, 386]] == VertexGroup.LIDS)
    assert np.flatnonzero(groups == VertexGroup.IRISES).tolist() == list(range(468, 478))
    np.testing.assert_array_equal(groups[MODEL.mirror_vertices], groups)


def test_neutral_adds_identity_and_residual() -> None:
    coefficients = np.zeros(40, np.float32)
    coefficients[3] = 2.0
    residual = np.zeros((478, 3), np.int8)
    residual[7] = (127, -128, 1)
    neutral = MODEL.neutral(Identity(coefficients, residual, 0.001))
    expected = MODEL.mean + 2.0 * MODEL.identity_basis[3]
    expected[7] += np.array([0.127, -0.128, 0.001], np.float32)
    np.testing.assert_allclose(neutral, expected, atol=1e-6)
    assert neutral.dtype == np.float32


def test_projection_scales_turns_and_moves() -> None:
    camera = np.array([np.log(0.5), 0.0, 0.0, np.pi / 2, 0.1, -0.2, 0.0], np.float32)
    points = np.array([[1.0, 0.0, 0.4]], np.float32)
    np.testing.assert_allclose(project(points, camera), [[0.1, 0.3, 0.2]], atol=1e-6)


def test_vertices_are_shape_and_projection() -> None:
    neutral = MODEL.neutral(MEAN_IDENTITY)
    parameters = face_parameters(rotation=(0.1, -0.3, 0.2), expression={0: 1.5, 5: -2.0})
    shape = MODEL.mean + 1.5 * MODEL.expression_basis[0] - 2.0 * MODEL.expression_basis[5]
    vertices = MODEL.vertices(neutral, parameters)
    np.testing.assert_allclose(vertices, project(shape, parameters.camera), atol=1e-5)
    assert vertices.dtype == np.float32


def test_the_proxy_is_symmetric_and_joined_to_the_outline() -> None:
    proxy = MODEL.proxy_vertices
    mirrored = proxy * FLIP
    distances = np.linalg.norm(proxy[:, None] - mirrored[None], axis=2).min(1)
    assert distances.max() < 1e-4
    assert 150 <= len(proxy) <= 250
    joined = np.unique(MODEL.proxy_triangles[MODEL.proxy_triangles < 478])
    np.testing.assert_array_equal(joined, np.unique(MODEL.proxy_anchors))
    # Between the outline and the pole the shell has no hole: every edge has two triangles.
    shell = np.isin(MODEL.proxy_regions, (Region.SKULL, Region.HAIR))
    edges = np.sort(
        MODEL.proxy_triangles[shell][:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1
    )
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    assert np.all(unique[counts == 1] < 478)
    assert (counts == 1).sum() == len(MODEL.proxy_anchors)
    assert counts.max() == 2


def test_the_proxy_follows_the_width_and_height_of_a_face() -> None:
    wider = MODEL.mean * np.array([1.2, 1.0, 1.0], np.float32)
    scaled = MODEL.proxy(wider)
    np.testing.assert_allclose(scaled[:, 0], MODEL.proxy_vertices[:, 0] * 1.2, atol=1e-4)
    np.testing.assert_allclose(scaled[:, 1], MODEL.proxy_vertices[:, 1], atol=1e-4)
    np.testing.assert_allclose(MODEL.proxy(MODEL.mean), MODEL.proxy_vertices, atol=1e-5)


def test_the_skull_turns_with_the_head_and_the_shoulders_rest() -> None:
    reference = face_parameters()
    turned = face_parameters(rotation=(0.0, 0.5, 0.0), translation=(0.1, 0.0))
    neutral = MODEL.neutral(MEAN_IDENTITY)
    head = MODEL.head(neutral, reference.camera).vertices(turned)
    np.testing.assert_allclose(head[:478], MODEL.vertices(neutral, turned), atol=1e-6)
    proxy = head[478:]
    rigid, resting = MODEL.proxy_rigidity == 1.0, MODEL.proxy_rigidity == 0.0
    assert rigid.sum() > 100
    assert resting.sum() >= 12
    moved = project(MODEL.proxy_vertices, turned.camera)
    rested = project(MODEL.proxy_vertices, reference.camera)
    np.testing.assert_allclose(proxy[rigid], moved[rigid], atol=1e-6)
    np.testing.assert_allclose(proxy[resting], rested[resting], atol=1e-6)


def test_a_written_file_is_read_back_and_its_bytes_depend_on_its_numbers_alone(
    tmp_path: Path,
) -> None:
    arrays = {key: array for key, array in file_arrays().items() if key != "version"}
    write_face_model_file(tmp_path / "a.npz", arrays)
    write_face_model_file(tmp_path / "folder" / "b.npz", arrays)
    first, second = FaceModel.load(tmp_path / "a.npz"), FaceModel.load(tmp_path / "folder/b.npz")
    assert first.digest == second.digest
    np.testing.assert_array_equal(first.expression_basis, MODEL.expression_basis)
    assert not first.mean.flags.writeable


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": np.array(9)}, "face model version 9, this program reads 1"),
        ({"mean": None}, "no mean, expected float32 (478, 3)"),
        (
            {"expression_basis": np.zeros((27, 478, 3), np.float32)},
            "expression_basis is float32 (27, 478, 3), expected float32 (28, 478, 3)",
        ),
        (
            {"proxy_rigidity": np.zeros(3, np.float32)},
            "proxy_rigidity is float32 (3), expected float32 (P)",
        ),
        (
            {"identity_basis": np.full((40, 478, 3), np.nan, np.float32)},
            "identity_basis holds numbers that are not finite, all must be",
        ),
        (
            {"triangles": np.full((906, 3), 478, np.int32)},
            "triangles spans 478..478, allowed 0..477",
        ),
        (
            {"expression_mirror": np.zeros(28, np.int8)},
            "expression_mirror holds [0], allowed -1 and 1",
        ),
        (
            {"mirror_vertices": np.zeros(478, np.int32)},
            "mirror_vertices is not its own inverse, it must be",
        ),
        (
            {"mean": np.ones((478, 3), np.float32)},
            "mean has centre [1. 1. 1.] and RMS vertex distance 0.000, expected 0 and 1",
        ),
    ],
)
def test_a_wrong_file_says_what_it_holds_and_what_is_expected(
    tmp_path: Path, changes: dict[str, np.ndarray | None], message: str
) -> None:
    path = saved(tmp_path / "model.npz", **changes)
    with pytest.raises(ArtifactError) as caught:
        FaceModel.load(path)
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"no readable \.npz file, a face model expected"):
        FaceModel.load(path)


def test_a_file_that_is_cut_at_any_place(tmp_path: Path) -> None:
    whole = DEFAULT_PATH.read_bytes()
    path = tmp_path / "model.npz"
    for length in range(0, len(whole), len(whole) // 20):
        path.write_bytes(whole[:length])
        with pytest.raises(ArtifactError):
            FaceModel.load(path)


def test_a_file_with_damaged_bits(tmp_path: Path) -> None:
    whole = DEFAULT_PATH.read_bytes()
    path = tmp_path / "model.npz"
    for place in range(40, len(whole), len(whole) // 40):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            FaceModel.load(path)
        except ArtifactError:
            continue


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="No such file or directory"):
        FaceModel.load(tmp_path / "none.npz")
