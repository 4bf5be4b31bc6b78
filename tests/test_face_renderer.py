from pathlib import Path

import numpy as np
import pytest

from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.generator import load_generator
from shared.metrics import Metrics, Stage
from shared.parameters import Identity
from tests.faces import face_parameters, face_reference, textured_image
from tests.tiny_bundle import SIZE, write_tiny_bundle

MODEL = FaceModel.load()


@pytest.fixture(scope="module")
def warping() -> FaceRenderer:
    renderer = FaceRenderer(MODEL, load_generator("warp"))
    renderer.warm_up()
    return renderer


def test_the_reference_itself_comes_back(warping: FaceRenderer) -> None:
    reference = face_reference(face_parameters(rotation=(0.1, 0.3, 0)))
    picture = warping.render(warping.prepare(reference), reference.parameters)
    np.testing.assert_array_equal(picture, reference.image)


def test_a_moved_head_moves_its_pixels(warping: FaceRenderer) -> None:
    reference = face_reference(face_parameters())
    picture = warping.render(
        warping.prepare(reference), face_parameters(translation=(2 * 10 / 256, 0))
    )
    face = slice(110, 140)
    difference = picture[face, 120:150].astype(int) - reference.image[face, 110:140]
    assert np.abs(difference).max() <= 1
    np.testing.assert_array_equal(picture[:8, :8], reference.image[:8, :8])


def test_what_the_fit_cannot_say_cancels(warping: FaceRenderer) -> None:
    """A residual of the shared identity moves driving and reference alike: nothing is displaced."""
    rng = np.random.default_rng(0)
    identity = Identity(
        coefficients=rng.normal(size=40).astype(np.float32),
        residual=rng.integers(-127, 127, (478, 3)).astype(np.int8),
        residual_step=0.0005,
    )
    parameters = face_parameters(expression={0: 1.0, 3: -2.0})
    plain = face_reference(parameters)
    reference = type(plain)(
        set_id=0,
        reference_id=0,
        crop=plain.crop,
        identity=identity,
        parameters=parameters,
        image=plain.image,
    )
    picture = warping.render(warping.prepare(reference), parameters)
    np.testing.assert_array_equal(picture, plain.image)


def test_a_mixture_is_the_weighted_mean(warping: FaceRenderer) -> None:
    one, two = (face_reference(face_parameters(), reference_id=i, seed=i) for i in (1, 2))
    prepared = [warping.prepare(reference) for reference in (one, two)]
    parameters = face_parameters(rotation=(0, 0.2, 0))
    pictures = [warping.render(each, parameters).astype(float) for each in prepared]
    mixed = warping.render_mixture([(prepared[0], 0.25), (prepared[1], 0.75)], parameters)
    assert np.abs(mixed - (0.25 * pictures[0] + 0.75 * pictures[1])).max() <= 1
    alone = warping.render_mixture([(prepared[0], 0.0), (prepared[1], 1.0)], parameters)
    np.testing.assert_array_equal(alone, pictures[1].astype(np.uint8))


def test_parameters_that_are_no_numbers_harm_nothing(warping: FaceRenderer) -> None:
    prepared = warping.prepare(face_reference(face_parameters()))
    sane = face_parameters()
    nowhere = np.full(7, np.nan, np.float32)
    wild = type(sane)(capture_time=0, expression=sane.expression, camera=nowhere)
    assert warping.render(prepared, wild).shape == (256, 256, 3)
    again = warping.render(prepared, face_parameters())
    np.testing.assert_array_equal(again, prepared.reference.image)


def test_stages_are_timed() -> None:
    metrics = Metrics()
    renderer = FaceRenderer(MODEL, load_generator("warp"), metrics)
    renderer.warm_up()
    stages = metrics.snapshot().stages
    assert stages[Stage.CONDITION].count == stages[Stage.GENERATE].count == 1


def test_a_bundle_with_history_takes_past_frames_newest_first(tmp_path: Path) -> None:
    generator = load_generator(write_tiny_bundle(tmp_path, history=2))
    renderer = FaceRenderer(MODEL, generator)
    renderer.warm_up()
    prepared = renderer.prepare(face_reference(face_parameters()))
    now, before, earlier = (face_parameters(translation=(t, 0)) for t in (0.0, 0.2, 0.4))
    full = renderer.render(prepared, now, [before, earlier])
    assert full.shape == (SIZE, SIZE, 3)
    assert np.abs(full.astype(int) - renderer.render(prepared, now, [earlier, before])).max() > 0
    # What is missing is the oldest that is there; with nothing at all, the frame itself.
    repeated = renderer.render(prepared, now, [before, before])
    np.testing.assert_array_equal(renderer.render(prepared, now, [before]), repeated)
    still = renderer.render(prepared, now, [now, now])
    np.testing.assert_array_equal(renderer.render(prepared, now), still)
    longer = renderer.render(prepared, now, [before, earlier, now, now])
    np.testing.assert_array_equal(longer, full)


def test_a_reference_of_another_size_than_the_generators(warping: FaceRenderer) -> None:
    reference = face_reference(face_parameters())
    large = type(reference)(
        set_id=0,
        reference_id=0,
        crop=reference.crop,
        identity=reference.identity,
        parameters=reference.parameters,
        image=textured_image(512),
    )
    picture = warping.render(warping.prepare(large), reference.parameters)
    assert np.abs(picture.astype(int) - reference.image).mean() < 2
