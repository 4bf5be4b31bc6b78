"""Parameters, references and pictures of the project's own mean face, for tests."""

import numpy as np

from shared.parameters import (
    CROP_SIZE,
    EXPRESSION_SIZE,
    IDENTITY_SIZE,
    Crop,
    FaceParameters,
    Identity,
    Image,
    Reference,
)

MEAN_IDENTITY = Identity(coefficients=np.zeros(IDENTITY_SIZE, np.float32))


def face_parameters(
    *,
    rotation: tuple[float, float, float] = (0, 0, 0),
    translation: tuple[float, float] = (0, 0),
    scale: float = 0.35,
    expression: dict[int, float] | None = None,
    capture_time: int = 0,
) -> FaceParameters:
    """A frontal mean face in the middle of the picture, unless told."""
    coefficients = np.zeros(EXPRESSION_SIZE, np.float32)
    for index, value in (expression or {}).items():
        coefficients[index] = value
    camera = np.array([np.log(scale), *rotation, *translation, 0], np.float32)
    return FaceParameters(capture_time=capture_time, expression=coefficients, camera=camera)


def textured_image(size: int = CROP_SIZE, *, seed: int = 0) -> Image:
    """Smooth colours that change everywhere, so that a warp can be seen."""
    rng = np.random.default_rng(seed)
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    planes = [
        127 + 100 * np.sin(2 * np.pi * (a * x + b * y) + c) for a, b, c in rng.uniform(1, 4, (3, 3))
    ]
    return np.stack(planes, -1).astype(np.uint8)


def face_reference(
    parameters: FaceParameters, *, reference_id: int = 0, set_id: int = 0, seed: int = 0
) -> Reference:
    """A reference of the mean identity with a textured picture."""
    return Reference(
        set_id=set_id,
        reference_id=reference_id,
        crop=Crop(x=0, y=0, size=CROP_SIZE),
        identity=MEAN_IDENTITY,
        parameters=parameters,
        image=textured_image(seed=seed),
    )
