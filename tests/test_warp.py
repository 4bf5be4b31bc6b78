import numpy as np

from shared.parameters import CROP_SIZE, FloatArray, Image
from shared.warp import WarpGenerator
from tests.faces import textured_image


def conditions(
    dx: float = 0.0, dy: float = 0.0, *, hidden: tuple[slice, slice] | None = None
) -> FloatArray:
    """Background alone (pncc and mask are zero), moved evenly; hidden where told."""
    planes = np.zeros((8, CROP_SIZE, CROP_SIZE), np.float32)
    planes[3], planes[4] = dx, dy
    planes[7] = 1
    if hidden is not None:
        planes[(7, *hidden)] = 0
    return planes


def with_head(planes: FloatArray, rows: slice, columns: slice) -> FloatArray:
    planes[0:3, rows, columns] = 0.5
    planes[5, rows, columns] = 1
    return planes


def warped(planes: FloatArray, image: Image | None = None, own: FloatArray | None = None) -> Image:
    generator = WarpGenerator()
    picture = textured_image() if image is None else image
    features = generator.prepare(picture, conditions() if own is None else own)
    return generator.generate(features, planes)


def test_no_displacement_gives_the_reference() -> None:
    image = textured_image()
    np.testing.assert_array_equal(warped(conditions(), image), image)


def test_whole_pixels_shift_exactly() -> None:
    """Displacement is reference minus driving: the driving pixel shows what lies there."""
    image = textured_image()
    result = warped(conditions(2 * 3 / CROP_SIZE, -2 * 5 / CROP_SIZE), image)
    np.testing.assert_array_equal(result[5:, :-3], image[:-5, 3:])


def test_half_a_pixel_is_the_mean_of_two() -> None:
    image = textured_image().astype(np.int32)
    expected = (image[:, :-1] + image[:, 1:]) / 2
    difference = warped(conditions(1 / CROP_SIZE))[:, :-1] - expected
    assert np.abs(difference).max() <= 1


def test_beyond_the_picture_its_edge_is_repeated() -> None:
    image = textured_image()
    result = warped(conditions(5.0), image)
    np.testing.assert_array_equal(result, np.broadcast_to(image[:, -1:], image.shape))


def test_references_of_another_size() -> None:
    difference = warped(conditions(), textured_image(512)).astype(int) - textured_image()
    assert np.abs(difference).mean() < 1


def test_background_that_the_head_hid_is_filled_from_around_it() -> None:
    place = (slice(96, 160), slice(96, 160))
    image = np.full((CROP_SIZE, CROP_SIZE, 3), (20, 90, 160), np.uint8)
    image[place] = 255
    result = warped(conditions(hidden=place), image, with_head(conditions(), *place))
    difference = result[100:156, 100:156].astype(int) - (20, 90, 160)
    assert np.abs(difference).max() <= 2
    # Where the head still is, it is not painted over.
    driving = with_head(conditions(hidden=place), *place)
    np.testing.assert_array_equal(warped(driving, image, driving)[place], 255)


def test_a_mouth_that_the_reference_shut_is_dark() -> None:
    skin = np.full((CROP_SIZE, CROP_SIZE, 3), (200, 150, 130), np.uint8)
    head, mouth = (slice(64, 192), slice(64, 192)), (slice(140, 150), slice(110, 140))
    own = with_head(conditions(), *head)
    driving = with_head(conditions(hidden=mouth), *head)
    driving[(5, *mouth)] = 0
    result = warped(driving, skin, own)
    assert result[145, 125].max() < 100
    np.testing.assert_array_equal(result[100, 125], skin[100, 125])


def test_a_head_that_fills_the_picture_leaves_nothing_to_fill_from() -> None:
    whole = (slice(None), slice(None))
    own = with_head(conditions(), *whole)
    result = warped(conditions(hidden=whole), own=own)
    assert np.isfinite(result).all()


def test_the_picture_is_a_fresh_array_of_the_right_kind() -> None:
    generator = WarpGenerator()
    features = generator.prepare(textured_image(), conditions())
    first = generator.generate(features, conditions())
    assert first.shape == (generator.size, generator.size, 3)
    assert first.dtype == np.uint8
    first[:] = 0
    assert generator.generate(features, conditions()).any()
