from collections.abc import Callable

import numpy as np
import pytest

from shared.channel import Channel
from shared.conditions import ConditionRenderer
from shared.face_model import FaceModel
from shared.parameters import EXPRESSION_SIZE, FloatArray
from shared.projection import project
from shared.proxy_expression import proxy_expression_basis
from tests.faces import MEAN_IDENTITY, face_parameters

MODEL = FaceModel.load()
NEUTRAL = MODEL.neutral(MEAN_IDENTITY)
BASIS = MODEL.head_expression_basis[:, len(MODEL.mean) :]
OUTLINE = MODEL.proxy_anchors
FLIP = np.array([-1.0, 1.0, 1.0], np.float32)


def basis_of(offset: FloatArray, places: FloatArray) -> FloatArray:
    """What proxy vertices at `places` do when one expression moves the face by `offset`."""
    basis: FloatArray = proxy_expression_basis(MODEL.mean, offset[np.newaxis], places, OUTLINE)[0]
    return basis


def test_without_expression_the_proxy_follows_the_camera_alone() -> None:
    reference = face_parameters()
    turned = face_parameters(rotation=(0.1, -0.3, 0.0), translation=(0.05, 0.0))
    proxy = MODEL.head(NEUTRAL, reference.camera).vertices(turned)[478:]
    rigidity = MODEL.proxy_rigidity[:, np.newaxis]
    moved = project(MODEL.proxy_vertices, turned.camera)
    rested = project(MODEL.proxy_vertices, reference.camera)
    np.testing.assert_allclose(proxy, rigidity * moved + (1 - rigidity) * rested, atol=1e-6)


def test_a_proxy_vertex_at_the_outline_moves_like_it() -> None:
    beside = MODEL.mean[OUTLINE] * np.float32(1.002)
    basis = proxy_expression_basis(MODEL.mean, MODEL.expression_basis, beside, OUTLINE)
    outline = MODEL.expression_basis[:, OUTLINE]
    size = np.linalg.norm(outline, axis=2).max(1)
    differences = np.linalg.norm(basis - outline, axis=2).max(1)
    assert np.all(differences < 0.05 * size)


def test_the_models_own_proxy_follows_its_outline_more_closely_than_one_at_rest() -> None:
    distances = np.linalg.norm(MODEL.proxy_vertices[:, None] - MODEL.mean[OUTLINE], axis=2)
    near = distances.min(1) < 0.4
    assert near.sum() > 20
    outline = MODEL.expression_basis[:, OUTLINE[distances.argmin(1)]]
    at_rest = np.sum(outline[:, near] ** 2, (1, 2))
    followed = np.sum((outline - BASIS)[:, near] ** 2, (1, 2))
    assert np.all(followed < 0.5 * at_rest)


@pytest.mark.parametrize(
    "motion",
    [
        lambda points: np.full_like(points, 0.02),
        lambda points: 0.03 * points,
        lambda points: np.cross(np.array([0.01, -0.02, 0.03]), points),
    ],
    ids=["shift", "scale", "turn"],
)
def test_a_motion_of_the_whole_face_is_one_of_the_whole_head(
    motion: Callable[[FloatArray], FloatArray],
) -> None:
    basis = basis_of(motion(MODEL.mean), MODEL.proxy_vertices)
    np.testing.assert_allclose(basis, motion(MODEL.proxy_vertices), atol=1e-5)


def test_a_chin_that_drops_moves_the_throat_and_not_the_crown() -> None:
    drop = np.zeros_like(MODEL.mean)
    drop[MODEL.mean[:, 1] > 1.2] = (0.0, 0.1, 0.0)
    chin = MODEL.mean[OUTLINE[MODEL.mean[OUTLINE, 1].argmax()]]
    throat = chin + np.array([0.0, 0.1, 0.1])
    places = np.array([throat, (0.0, -2.8, 1.5), (0.0, -1.0, 3.4)], np.float32)
    moved = basis_of(drop, places)[:, 1]
    assert moved[0] > 0.07
    np.testing.assert_allclose(moved[1:], 0.0, atol=0.01)


def test_the_proxy_keeps_each_expressions_mirror_sign() -> None:
    proxy = MODEL.proxy_vertices
    distances = np.linalg.norm(proxy[:, None] - (proxy * FLIP)[None], axis=2)
    mirrored = BASIS[:, distances.argmin(1)] * FLIP
    expected = BASIS * MODEL.expression_mirror[:, None, None]
    np.testing.assert_allclose(mirrored, expected, atol=1e-5)


def test_a_frame_that_repeats_its_reference_moves_nothing() -> None:
    strong = face_parameters(rotation=(0.0, 0.3, 0.1), expression={0: 2.5, 5: -2.0, 9: 1.5})
    renderer = ConditionRenderer(MODEL, channels=(Channel.DISPLACEMENT,))
    view = renderer.view_reference(MODEL.head(NEUTRAL, strong.camera).vertices(strong))
    again = MODEL.head(NEUTRAL, strong.camera).vertices(strong)
    assert not renderer.render(again, view).any()


def test_shoulders_rest_whatever_the_expression() -> None:
    reference = face_parameters()
    grimace = face_parameters(expression=dict.fromkeys(range(EXPRESSION_SIZE), 3.0))
    resting = MODEL.proxy_rigidity == 0.0
    proxy = MODEL.head(NEUTRAL, reference.camera).vertices(grimace)[478:]
    rested = project(MODEL.proxy_vertices, reference.camera)
    np.testing.assert_allclose(proxy[resting], rested[resting], atol=1e-6)


def test_a_face_without_an_upper_outline_leaves_a_finite_proxy() -> None:
    below = OUTLINE[MODEL.mean[OUTLINE, 1] > 0.0]
    basis = proxy_expression_basis(MODEL.mean, MODEL.expression_basis, MODEL.proxy_vertices, below)
    assert np.isfinite(basis).all()
