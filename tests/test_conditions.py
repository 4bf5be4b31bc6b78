from collections.abc import Sequence

import numpy as np
import pytest

from shared.channel import ALL_CHANNELS, CONDITION_SIZE, Channel, channel_count
from shared.conditions import ConditionRenderer
from shared.errors import ConfigError
from shared.face_model import FaceModel, Region
from shared.parameters import FaceParameters, FloatArray
from tests.faces import MEAN_IDENTITY, face_parameters

MODEL = FaceModel.load()
NEUTRAL = MODEL.neutral(MEAN_IDENTITY)
PNCC, DISPLACEMENT, DEPTH, FACE, PROXY, VISIBLE = slice(0, 3), slice(3, 5), 5, 6, 7, 8


def head(
    driving: FaceParameters | None = None, reference: FaceParameters | None = None
) -> FloatArray:
    driving, reference = driving or face_parameters(), reference or face_parameters()
    return MODEL.head(NEUTRAL, reference.camera).vertices(driving)


def rendered(
    driving: FaceParameters,
    reference: FaceParameters,
    *,
    size: int = 64,
    channels: Sequence[str] = ALL_CHANNELS,
) -> FloatArray:
    renderer = ConditionRenderer(MODEL, height=size, width=size, channels=channels)
    view = renderer.view_reference(head(reference, reference))
    return renderer.render(head(driving, reference), view)


def pixel(point: FloatArray, size: int = 64) -> tuple[int, int]:
    """Row and column of a point in image coordinates."""
    column, row = np.floor((point[:2] + 1) * size / 2).astype(int)
    return int(row), int(column)


def test_all_channels_of_the_reference_itself() -> None:
    conditions = rendered(face_parameters(), face_parameters())
    assert conditions.shape == (CONDITION_SIZE, 64, 64) == (9, 64, 64)
    assert conditions.dtype == np.float32
    assert np.isfinite(conditions).all()
    assert (conditions[DISPLACEMENT] == 0).all()
    assert (conditions[DEPTH] == 0).all()
    assert set(np.unique(conditions[FACE])) == {0, 1}
    assert (conditions[FACE] + conditions[PROXY]).max() == 1
    assert conditions[PNCC].min() >= 0
    assert conditions[PNCC].max() <= 1
    assert (conditions[VISIBLE] == 1).all()


def test_pncc_is_the_normalised_mean_place_of_the_visible_point() -> None:
    conditions = rendered(face_parameters(rotation=(0, 0.3, 0)), face_parameters())
    mean = np.concatenate([MODEL.mean, MODEL.proxy(MODEL.mean)])
    low, high = mean.min(0), mean.max(0)
    tip = 4
    place = pixel(head(face_parameters(rotation=(0, 0.3, 0)))[tip])
    expected = (MODEL.mean[tip] - low) / (high - low)
    np.testing.assert_allclose(conditions[(PNCC, *place)], expected, atol=0.03)
    outside = (conditions[FACE] + conditions[PROXY]) == 0
    mouth = outside & (conditions[PNCC].sum(0) > 0)
    assert (conditions[PNCC][:, outside & ~mouth] == 0).all()


def test_a_shift_of_the_head_displaces_it_exactly_and_the_corner_not() -> None:
    reference = face_parameters()
    conditions = rendered(face_parameters(translation=(0.125, -0.0625)), reference)
    face = conditions[FACE] > 0
    np.testing.assert_allclose(conditions[3][face], -0.125, atol=1e-5)
    np.testing.assert_allclose(conditions[4][face], 0.0625, atol=1e-5)
    np.testing.assert_allclose(conditions[DEPTH][face], 0, atol=1e-5)
    corner = np.abs(conditions[DISPLACEMENT, :4, :4])
    assert corner.max() < 1e-3


def test_the_extension_fades_with_distance() -> None:
    conditions = rendered(face_parameters(translation=(0.125, 0)), face_parameters())
    row = 32
    known = np.flatnonzero(conditions[FACE, row] + conditions[PROXY, row])
    beyond = -conditions[3, row, known[-1] + 1 :]
    assert beyond[0] > 0.08
    assert (np.diff(beyond) <= 1e-6).all()
    assert beyond[8:].max(initial=0) < 0.03


def open_mouth() -> dict[int, float]:
    """The symmetric component that opens the mouth most, and its sign."""
    upper, lower = MODEL.expression_basis[:, 13, 1], MODEL.expression_basis[:, 14, 1]
    component = int(np.abs(lower - upper).argmax())
    return {component: 4.0 * float(np.sign((lower - upper)[component]))}


def test_the_mouth_is_no_face_and_moves_as_its_surroundings() -> None:
    driving = face_parameters(expression=open_mouth(), translation=(0.1, 0))
    conditions = rendered(driving, face_parameters(), size=256)
    vertices = head(driving)
    row, column = pixel((vertices[13] + vertices[14]) / 2, 256)
    assert conditions[FACE, row, column] == 0
    assert conditions[PROXY, row, column] == 0
    assert conditions[3, row, column] == pytest.approx(-0.1, abs=0.02)


def test_a_mouth_that_the_reference_keeps_shut_is_not_visible_in_it() -> None:
    vertices = head(face_parameters(expression=open_mouth()))
    row, column = pixel((vertices[13] + vertices[14]) / 2, 256)
    wide = face_parameters(expression=open_mouth())
    shut_component, opening = next(iter(open_mouth().items()))
    shut = face_parameters(expression={shut_component: -opening / 2})
    channels = ["reference_visible"]
    assert rendered(wide, shut, size=256, channels=channels)[0, row, column] == 0
    assert rendered(wide, wide, size=256, channels=channels)[0, row, column] == 1


def test_a_cheek_turned_away_in_the_reference_is_not_visible() -> None:
    turned = face_parameters(rotation=(0, 1.2, 0))
    conditions = rendered(face_parameters(), turned)
    vertices = head()
    face = (conditions[FACE] > 0) & (conditions[VISIBLE] == 0)
    columns = np.nonzero(face)[1]
    assert face.sum() > 50
    # Positive rotation about y (down) turns the side at -x away or towards: it is one side only.
    middle = (vertices[4, 0] + 1) * 32
    assert abs((columns > middle).mean() - 0.5) > 0.4


def test_irises_draw_on_eye_openings_whatever_their_depth() -> None:
    vertices = head()
    for iris, region in ((468, Region.RIGHT_EYE), (473, Region.LEFT_EYE)):
        row, column = pixel(vertices[iris], 256)
        results = []
        for depth in (-5.0, 5.0):
            moved = vertices.copy()
            moved[iris : iris + 5, 2] = depth
            renderer = ConditionRenderer(MODEL, height=256, width=256)
            moved[iris : iris + 5, 0] += 0.01
            view = renderer.view_reference(vertices)
            results.append(renderer.render(moved, view))
            assert results[-1][3, row, column] == pytest.approx(-0.01, abs=1e-4), region
        np.testing.assert_array_equal(results[0][DISPLACEMENT], results[1][DISPLACEMENT])


def test_half_a_pixel_is_seen() -> None:
    """Pixel centres lie at i + 0.5: a shift by one pixel moves pncc by exactly one pixel."""
    still = rendered(face_parameters(), face_parameters(), channels=["pncc"])
    moved = rendered(face_parameters(translation=(2 / 64, 0)), face_parameters(), channels=["pncc"])
    rows = slice(16, 36)
    np.testing.assert_allclose(moved[:, rows, 1:], still[:, rows, :-1], atol=1e-3)
    half = rendered(face_parameters(translation=(1 / 64, 0)), face_parameters(), channels=["pncc"])
    between = (still[0, 32, 24:40] + still[0, 32, 23:39]) / 2
    np.testing.assert_allclose(half[0, 32, 24:40], between, atol=2e-3)


def test_channels_come_in_the_order_of_their_names() -> None:
    names = ["reference_visible", "displacement", "mask"]
    driving, reference = face_parameters(rotation=(0.1, 0.4, 0)), face_parameters()
    every = rendered(driving, reference)
    chosen = rendered(driving, reference, channels=names)
    np.testing.assert_array_equal(chosen, every[[8, 3, 4, 6, 7]])
    assert channel_count([Channel(name) for name in names]) == 5


def test_each_channel_alone_equals_its_part() -> None:
    driving, reference = face_parameters(rotation=(0.1, 0.4, 0)), face_parameters()
    every = rendered(driving, reference)
    parts = [rendered(driving, reference, channels=[channel]) for channel in Channel]
    np.testing.assert_array_equal(np.concatenate(parts), every)


def test_unknown_and_repeated_channels() -> None:
    with pytest.raises(ConfigError) as unknown:
        ConditionRenderer(MODEL, channels=["pncc", "flow"])
    assert str(unknown.value) == (
        "condition 'flow', known are pncc, displacement, displacement_z, mask, reference_visible"
    )
    with pytest.raises(ConfigError) as repeated:
        ConditionRenderer(MODEL, channels=["mask", "mask"])
    assert str(repeated.value) == "conditions mask, mask, each may be named once"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vertices_that_are_not_finite_give_a_picture_without_face_or_motion(bad: float) -> None:
    renderer = ConditionRenderer(MODEL)
    vertices = head()
    view = renderer.view_reference(vertices)
    vertices = vertices.copy()
    vertices[7, 1] = bad
    conditions = renderer.render(vertices, view)
    assert (conditions[:VISIBLE] == 0).all()
    assert np.isfinite(conditions).all()


def test_a_head_far_outside_or_huge_is_harmless() -> None:
    renderer = ConditionRenderer(MODEL)
    view = renderer.view_reference(head())
    for parameters in (
        face_parameters(translation=(50, 50)),
        face_parameters(scale=1e4),
        face_parameters(scale=1e-6),
    ):
        assert np.isfinite(renderer.render(head(parameters), view)).all()


def test_other_sizes_agree_with_the_default_where_displacement_is_exact() -> None:
    driving, reference = face_parameters(rotation=(0.1, 0.2, 0)), face_parameters()
    small = rendered(driving, reference, channels=["displacement"])
    large = rendered(driving, reference, size=256, channels=["displacement"])
    centre = slice(26, 34)
    averaged = large.reshape(2, 64, 4, 64, 4).mean((2, 4))
    np.testing.assert_allclose(averaged[:, centre, centre], small[:, centre, centre], atol=6e-3)


def test_the_same_input_gives_the_same_bits() -> None:
    driving, reference = face_parameters(rotation=(0.1, 0.4, 0.2)), face_parameters()
    np.testing.assert_array_equal(rendered(driving, reference), rendered(driving, reference))
