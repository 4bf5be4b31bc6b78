import numpy as np

from shared.parameters import CROP_SIZE, FloatArray, Image
from shared.warp import WarpGenerator
from tests.faces import textured_image

NOTHING = np.zeros((2, CROP_SIZE, CROP_SIZE), np.float32)


def warped(displacement: FloatArray, image: Image | None = None) -> Image:
    generator = WarpGenerator()
    features = generator.prepare(textured_image() if image is None else image, displacement)
    return generator.generate(features, displacement)


def test_no_displacement_gives_the_reference() -> None:
    image = textured_image()
    np.testing.assert_array_equal(warped(NOTHING, image), image)


def test_whole_pixels_shift_exactly() -> None:
    """Displacement is reference minus driving: the driving pixel shows what lies there."""
    displacement = NOTHING.copy()
    displacement[0] = 2 * 3 / CROP_SIZE
    displacement[1] = -2 * 5 / CROP_SIZE
    image = textured_image()
    np.testing.assert_array_equal(warped(displacement, image)[5:, :-3], image[:-5, 3:])


def test_half_a_pixel_is_the_mean_of_two() -> None:
    displacement = NOTHING.copy()
    displacement[0] = 1 / CROP_SIZE
    image = textured_image().astype(np.int32)
    expected = (image[:, :-1] + image[:, 1:]) / 2
    difference = warped(displacement)[:, :-1] - expected
    assert np.abs(difference).max() <= 1


def test_beyond_the_picture_its_edge_is_repeated() -> None:
    displacement = NOTHING.copy()
    displacement[0] = 5.0
    image = textured_image()
    result = warped(displacement, image)
    np.testing.assert_array_equal(result, np.broadcast_to(image[:, -1:], image.shape))


def test_coarse_conditions_and_references_of_another_size() -> None:
    coarse = np.full((2, 64, 64), 2 * 4 / CROP_SIZE, np.float32)
    fine = np.full((2, CROP_SIZE, CROP_SIZE), 2 * 4 / CROP_SIZE, np.float32)
    np.testing.assert_array_equal(warped(coarse), warped(fine))
    large = textured_image(512)
    difference = warped(NOTHING, large).astype(int) - textured_image()
    assert np.abs(difference).mean() < 3


def test_the_picture_is_a_fresh_array_of_the_right_kind() -> None:
    generator = WarpGenerator()
    features = generator.prepare(textured_image(), NOTHING)
    first = generator.generate(features, NOTHING)
    assert first.shape == (generator.size, generator.size, 3)
    assert first.dtype == np.uint8
    first[:] = 0
    assert generator.generate(features, NOTHING).any()
