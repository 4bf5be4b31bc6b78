"""The receiving side of benchmarks, on a textured mean face."""

from fractions import Fraction

import numpy as np
import pytest

from benchmarks.clip import ClipFrame
from benchmarks.driving import DrivingFrame
from benchmarks.offline_call import SET_FADE_NS, OfflineCall
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.generator import load_generator
from shared.parameters import FaceParameters, Image, Reference
from tests.faces import face_parameters, face_reference

RENDERER = FaceRenderer(FaceModel.load(), load_generator("warp"))
GREY = np.zeros((256, 256, 3), np.uint8)


def driving(
    index: int,
    parameters: FaceParameters | None,
    *references: Reference,
    set_id: int = 0,
) -> DrivingFrame:
    frame = ClipFrame(index, GREY, index, Fraction(1, 25))
    crop = None if parameters is None else face_reference(parameters).crop
    return DrivingFrame(frame, crop, parameters, set_id, references)


def at(index: int, **options: float) -> FaceParameters:
    return face_parameters(capture_time=index * 3600, **options)  # type: ignore[arg-type]


def level(image: Image | None) -> float:
    assert image is not None
    return float(image.mean())


def flat(value: int, *, reference_id: int = 0, set_id: int = 0) -> Reference:
    """A reference that is one grey all over."""
    made = face_reference(face_parameters(), reference_id=reference_id, set_id=set_id)
    image = np.full_like(made.image, value)
    return Reference(
        set_id=set_id,
        reference_id=reference_id,
        crop=made.crop,
        identity=made.identity,
        parameters=made.parameters,
        image=image,
    )


def test_nothing_is_shown_before_the_first_reference() -> None:
    call = OfflineCall(RENDERER)
    assert call.show(driving(0, None)).image is None
    assert call.show(driving(1, at(1))).image is None
    shown = call.show(driving(2, at(2), flat(100)))
    assert level(shown.image) == 100
    assert shown.weights == ((0, 1.0),)


def test_bytes_are_those_of_two_frames_a_message_and_few_in_a_pause() -> None:
    call = OfflineCall(RENDERER)
    moving = [
        call.show(driving(index, at(index, scale=0.3 + 0.01 * index), flat(100))).message_bytes
        for index in range(10)
    ]
    assert [count > 0 for count in moving] == [False, True] * 5
    still = [
        call.show(driving(index, at(index, scale=0.4))).message_bytes for index in range(10, 60)
    ]
    assert sum(count > 0 for count in still[20:]) <= 2


def test_a_frame_without_a_face_repeats_the_last_picture() -> None:
    call = OfflineCall(RENDERER)
    first = call.show(driving(0, at(0), face_reference(face_parameters())))
    again = call.show(driving(1, None))
    assert again.parameters is None
    np.testing.assert_array_equal(again.image, first.image)


def test_parameters_pass_the_codec_unless_told() -> None:
    turned = at(0, scale=0.3517)
    coded = OfflineCall(RENDERER).show(driving(0, turned, flat(100))).parameters
    exact = OfflineCall(RENDERER, lossless_parameters=True)
    assert exact.show(driving(0, turned, flat(100))).parameters is turned
    assert coded is not None
    assert not np.array_equal(coded.camera, turned.camera)
    np.testing.assert_allclose(coded.camera, turned.camera, atol=0.02)


@pytest.mark.parametrize("set_id", [0, 1])
def test_another_set_or_a_replaced_picture_is_faded_in(set_id: int) -> None:
    call = OfflineCall(RENDERER)
    call.show(driving(0, at(0), flat(50)))
    levels = []
    for index in range(1, 9):
        arriving = (flat(150, set_id=set_id),) if index == 1 else ()
        levels.append(level(call.show(driving(index, at(index), *arriving, set_id=set_id)).image))
    assert levels[0] == pytest.approx(50, abs=1)
    assert levels == sorted(levels)
    assert levels[SET_FADE_NS // 40_000_000] == 150
    assert 60 < levels[2] < 140
