"""One party's pictures, one after the other: nearest reference, cross-fades, colour planes.

A frame is begun (reference chosen, conditions drawn), its inputs are generated among those of
other parties, and it is finished. Any worker's thread may do each, one frame of a party at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.face_renderer import FaceRenderer, PreparedReference, mixture
from shared.frame_input import FrameInput
from shared.metrics import Metrics, Stage
from shared.parameters import FaceParameters, Image, Reference
from shared.reference_set import ReferenceSelector

SET_FADE_NS = 200_000_000
"""From the last picture of one set (one crop) to the pictures of the next."""


@dataclass(frozen=True, slots=True, eq=False)
class RenderRequest:
    """One frame to rebuild."""

    references: Sequence[PreparedReference]
    """What is held of one set; at least one."""

    parameters: FaceParameters

    now_ns: int
    """The tick's local monotonic time; cross-fades run on it."""

    past: Sequence[FaceParameters] = ()
    """Frames shown before, 40 ms apart, the newest first."""


@dataclass(frozen=True, slots=True, eq=False)
class RebuiltPicture:
    """A finished frame."""

    planar: NDArray[np.uint8]
    """(3 S / 2, S): planar YUV 4:2:0, BT.601, limited range, as the video encoder takes it."""

    capture_time: int
    """90 kHz ticks modulo 2^32 of the moment it shows."""


@dataclass(frozen=True, slots=True, eq=False)
class BegunFrame:
    """A frame whose pictures are to be generated."""

    request: RenderRequest

    inputs: tuple[FrameInput, ...]
    """One a reference that shows in it, two during a cross-fade."""

    weights: tuple[float, ...]
    """Of their pictures; sum to 1."""


class PictureMaker:
    """Makes one party's pictures, in order."""

    def __init__(
        self, *, metrics: Metrics, mark: Callable[[Image, int], None] | None = None
    ) -> None:
        """`mark(image, capture_time)` draws into each finished picture (benchmarks only)."""
        self._metrics = metrics
        self._mark = mark
        self._selector = ReferenceSelector()
        self._shown: Reference | None = None
        self._set_left = False
        self._last: Image | None = None
        self._leaving: Image | None = None
        self._fade_start_ns = 0

    def begin(self, request: RenderRequest, renderer: FaceRenderer) -> BegunFrame:
        """Choose references and draw the conditions, with the calling thread's renderer."""
        if self._shown is not None and all(
            held.reference is not self._shown for held in request.references
        ):
            self._selector.reset()
            self._set_left = True
        by_id = {held.reference.reference_id: held for held in request.references}
        chosen = self._selector.choose(
            request.parameters, [held.reference for held in request.references], request.now_ns
        )
        self._shown = by_id[chosen[-1][0]].reference
        shown = [(by_id[number], weight) for number, weight in chosen if weight > 0]
        return BegunFrame(
            request=request,
            inputs=tuple(
                renderer.condition(held, request.parameters, request.past) for held, _ in shown
            ),
            weights=tuple(weight for _, weight in shown),
        )

    def finish(self, begun: BegunFrame, pictures: Sequence[Image]) -> RebuiltPicture:
        """The frame of its generated `pictures`, one an input."""
        request = begun.request
        with self._metrics.timed(Stage.VIDEO):
            image = mixture(pictures, begun.weights)
            if self._set_left:
                # The reference shown is gone: another set, or its picture replaced.
                self._set_left = False
                self._leaving = self._last
                self._fade_start_ns = request.now_ns
            image = self._faded(image, request.now_ns)
            self._last = image
            return self._finished(image, request.parameters.capture_time)

    def _faded(self, image: Image, now_ns: int) -> Image:
        if self._leaving is None:
            return image
        weight = (now_ns - self._fade_start_ns) / SET_FADE_NS
        if weight >= 1 or self._leaving.shape != image.shape:
            self._leaving = None
            return image
        return cv2.addWeighted(image, weight, self._leaving, 1 - weight, 0).astype(np.uint8)

    def _finished(self, image: Image, capture_time: int) -> RebuiltPicture:
        if self._mark is not None:
            image = image.copy()
            self._mark(image, capture_time)
        planar = cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420).astype(np.uint8, copy=False)
        return RebuiltPicture(planar=planar, capture_time=capture_time)
