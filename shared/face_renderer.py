"""From parameters to a picture: geometry, conditions and generator behind one call."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from shared.conditions import ConditionRenderer, ReferenceView
from shared.face_model import FaceModel
from shared.features import Features
from shared.frame_input import FrameInput
from shared.generator import Generator
from shared.head_shape import HeadShape
from shared.metrics import Metrics, Stage
from shared.parameters import (
    CAMERA_SIZE,
    CROP_SIZE,
    EXPRESSION_SIZE,
    IDENTITY_SIZE,
    Crop,
    FaceParameters,
    FloatArray,
    Identity,
    Image,
    Reference,
)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedReference:
    """A reference with everything that is computed once."""

    reference: Reference
    head: HeadShape
    """Of the set's shared neutral shape."""

    view: ReferenceView
    features: Features


class FaceRenderer:
    """Renders frames against prepared references with one generator.

    Driving and reference vertices come from the set's one neutral shape, so that what the fit
    cannot express cancels in the displacement. Synchronous, and not thread-safe: one object for
    each worker thread.
    """

    def __init__(
        self, model: FaceModel, generator: Generator, metrics: Metrics | None = None
    ) -> None:
        self.generator = generator
        self._model = model
        self._metrics = metrics or Metrics()
        height, width = generator.condition_size
        self._conditions = ConditionRenderer(
            model, height=height, width=width, channels=generator.channels
        )

    def prepare(self, reference: Reference) -> PreparedReference:
        """Once per reference. Raises InferenceError when its network fails."""
        neutral = self._model.neutral(reference.identity)
        head = self._model.head(neutral, reference.parameters.camera)
        vertices = head.vertices(reference.parameters)
        view = self._conditions.view_reference(vertices)
        own = self._conditions.render(vertices, view)
        features = self.generator.prepare(reference.image, own)
        return PreparedReference(reference=reference, head=head, view=view, features=features)

    def condition(
        self,
        prepared: PreparedReference,
        parameters: FaceParameters,
        past: Sequence[FaceParameters] = (),
    ) -> FrameInput:
        """What the generator takes for a frame; `past` as in `render`."""
        with self._metrics.timed(Stage.CONDITION):
            return FrameInput(
                features=prepared.features,
                conditions=self._conditions.render(
                    prepared.head.vertices(parameters), prepared.view
                ),
                past_pncc=self._past_pncc(prepared, parameters, past),
            )

    def render(
        self,
        prepared: PreparedReference,
        parameters: FaceParameters,
        past: Sequence[FaceParameters] = (),
    ) -> Image:
        """A picture (S, S, 3) of `parameters` with the appearance of `prepared`.

        `past`: the frames shown 40, 80 ... ms before, the newest first; only a generator with
        history looks at them, and takes the oldest again where some are missing.
        """
        frame = self.condition(prepared, parameters, past)
        with self._metrics.timed(Stage.GENERATE):
            return self.generator.generate(frame.features, frame.conditions, frame.past_pncc)

    def render_mixture(
        self,
        weighted: Sequence[tuple[PreparedReference, float]],
        parameters: FaceParameters,
        past: Sequence[FaceParameters] = (),
    ) -> Image:
        """The cross-fade of pictures against one or two references; weights sum to 1."""
        shown = [(prepared, weight) for prepared, weight in weighted if weight > 0]
        return mixture(
            [self.render(prepared, parameters, past) for prepared, _ in shown],
            [weight for _, weight in shown],
        )

    def warm_up(self) -> None:
        """Compile kernels and run the networks once, before the service says it is ready."""
        camera = np.zeros(CAMERA_SIZE, np.float32)
        camera[0] = np.log(0.4)
        expression = np.zeros(EXPRESSION_SIZE, np.float32)
        rest = FaceParameters(capture_time=0, expression=expression, camera=camera)
        camera[4] = 0.5  # aside: what a head uncovers takes paths of its own
        moved = FaceParameters(capture_time=0, expression=expression, camera=camera)
        blank = Reference(
            set_id=0,
            reference_id=0,
            crop=Crop(x=0, y=0, size=CROP_SIZE),
            identity=Identity(coefficients=np.zeros(IDENTITY_SIZE, np.float32)),
            parameters=rest,
            image=np.zeros((CROP_SIZE, CROP_SIZE, 3), np.uint8),
        )
        self.render(self.prepare(blank), moved)

    def _past_pncc(
        self,
        prepared: PreparedReference,
        parameters: FaceParameters,
        past: Sequence[FaceParameters],
    ) -> FloatArray | None:
        history = self.generator.history
        if history == 0:
            return None
        newest_first = list(past) or [parameters]
        newest_first += [newest_first[-1]] * (history - len(newest_first))
        return np.concatenate(
            [
                self._conditions.render_pncc(prepared.head.vertices(frame))
                for frame in newest_first[:history]
            ]
        )


def mixture(pictures: Sequence[Image], weights: Sequence[float]) -> Image:
    """The weighted mean of pictures (H, W, 3), at least one; weights above 0 sum to 1."""
    picture, total = pictures[0], weights[0]
    for other, weight in zip(pictures[1:], weights[1:], strict=True):
        total += weight
        mixed = cv2.addWeighted(picture, 1 - weight / total, other, weight / total, 0)
        picture = np.asarray(mixed, np.uint8)
    return picture
