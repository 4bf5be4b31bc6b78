"""The receiving side of a call without network and clock: every frame of a clip, rebuilt."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.clip import ClipFrame
from benchmarks.driving import DrivingFrame
from sender.message_planner import MessagePlanner
from shared.clock import ticks_from_ns
from shared.codec import FaceDecoder, FaceEncoder
from shared.face_renderer import FaceRenderer, PreparedReference
from shared.parameters import Crop, FaceParameters, Image, Reference
from shared.receiver_report import ReceiverReport
from shared.reference_set import ReferenceSelector
from shared.sequence import sequence_add

SET_FADE_NS = 200_000_000
"""Cross-fade to the next set after a crop move (DESIGN 2)."""

_TICK_NS = 40_000_000


class RebuiltPicture:
    """Rendered when it is first looked at: who measures every fifth frame waits for few."""

    __slots__ = ("_image", "_render")

    def __init__(self, render: Callable[[], Image]) -> None:
        self._render: Callable[[], Image] | None = render
        self._image: Image | None = None

    @property
    def image(self) -> Image:
        """(S, S, 3). Raises InferenceError when the generator fails."""
        if self._render is not None:
            self._image, self._render = self._render(), None
        assert self._image is not None
        return self._image


@dataclass(frozen=True, slots=True, eq=False)
class RebuiltFrame:
    """A frame and what the other side sees of it."""

    frame: ClipFrame
    crop: Crop | None
    """Of the rebuilt picture; None before the first face."""

    pictures: tuple[RebuiltPicture, ...]
    """Of each renderer; none before the first reference. Repeated where no face is followed."""

    parameters: FaceParameters | None
    """As decoded; None where the picture is a repetition."""

    weights: tuple[tuple[int, float], ...]
    """(reference_id, weight) of the references shown."""

    references: tuple[Reference, ...]
    """That arrived with this frame."""

    message_bytes: int
    """Of the messages that a call would send with this frame: packed as it packs them."""

    @property
    def image(self) -> Image | None:
        """(S, S, 3) of the first renderer; None before the first reference."""
        return self.pictures[0].image if self.pictures else None


class _Payload:
    """Counts what a call would send of the same frames: two a message, little while still.

    How frames share messages changes their bytes, never their symbols.
    """

    def __init__(self) -> None:
        self._encoder = FaceEncoder()
        self._planner = MessagePlanner()

    def add(self, frame: ClipFrame, parameters: FaceParameters | None, set_id: int) -> int:
        """Bytes that leave with this frame; no parameters: no face is seen."""
        if parameters is None:
            planned = self._planner.face_gone(ticks_from_ns(frame.time_ns), frame.time_ns)
        else:
            planned = self._planner.add(parameters, set_id, frame.time_ns)
        total = 0
        for message in planned:
            total += len(
                self._encoder.encode(message.frames, set_id=message.set_id, hold=message.hold)
            )
            _acknowledge(self._encoder)
        return total


def _acknowledge(encoder: FaceEncoder) -> None:
    """All is received at once."""
    newest = sequence_add(encoder.next_sequence, -1)
    encoder.acknowledge(ReceiverReport(newest=newest, held=0, delay_ms=0, transit_ms=0))


class OfflineCall:
    """Encode, decode, select and render, frame for frame; for one clip.

    Several renderers see the same parameters and references, side by side.
    """

    def __init__(self, *renderers: FaceRenderer, lossless_parameters: bool = False) -> None:
        """`lossless_parameters` leaves the codec out."""
        self._renderers = renderers
        self._lossless = lossless_parameters
        self._encoder, self._decoder = FaceEncoder(), FaceDecoder()
        self._payload = _Payload()
        self._selector = ReferenceSelector()
        self._sets: dict[int, dict[int, tuple[PreparedReference, ...]]] = {}
        self._shown: Reference | None = None
        self._past: deque[tuple[int, FaceParameters]] = deque(maxlen=256)
        self._last: tuple[RebuiltPicture, ...] = ()
        self._fade_from: tuple[RebuiltPicture, ...] = ()
        self._fade_start_ns = 0

    def show(self, driving: DrivingFrame) -> RebuiltFrame:
        """The next frame, sent, received and rendered."""
        for reference in driving.references:
            prepared = tuple(renderer.prepare(reference) for renderer in self._renderers)
            self._sets.setdefault(reference.set_id, {})[reference.reference_id] = prepared
        parameters, message_bytes = driving.parameters, 0
        if not self._lossless:
            message_bytes = self._payload.add(driving.frame, parameters, driving.set_id)
        weights: list[tuple[int, float]] = []
        held = self._sets.get(driving.set_id, {})
        if parameters is not None and held:
            now_ns = driving.frame.time_ns
            if not self._lossless:
                parameters = self._transmit(parameters, driving.set_id)
            references = [prepared[0].reference for prepared in held.values()]
            self._follow_references(references, now_ns)
            weights = self._selector.choose(parameters, references, now_ns)
            self._shown = held[weights[-1][0]][0].reference
            self._last = self._pictures(held, weights, parameters, now_ns)
            self._past.appendleft((now_ns, parameters))
        else:
            parameters = None
        return RebuiltFrame(
            frame=driving.frame,
            crop=driving.crop,
            pictures=self._last,
            parameters=parameters,
            weights=tuple(weights),
            references=driving.references,
            message_bytes=message_bytes,
        )

    def _transmit(self, parameters: FaceParameters, set_id: int) -> FaceParameters:
        decoded = self._decoder.decode(self._encoder.encode([parameters], set_id=set_id))
        _acknowledge(self._encoder)
        return decoded.frames[0]

    def _follow_references(self, references: Sequence[Reference], now_ns: int) -> None:
        """Begin to fade when the reference shown is gone: another set, or its picture replaced."""
        if self._shown is None or any(reference is self._shown for reference in references):
            return
        if self._shown.set_id != references[0].set_id:
            self._sets.pop(self._shown.set_id, None)
        self._selector.reset()
        self._fade_from, self._fade_start_ns = self._last, now_ns

    def _pictures(
        self,
        held: Mapping[int, tuple[PreparedReference, ...]],
        weights: Sequence[tuple[int, float]],
        parameters: FaceParameters,
        now_ns: int,
    ) -> tuple[RebuiltPicture, ...]:
        past = self._past_at(now_ns)
        fade = 1 - (now_ns - self._fade_start_ns) / SET_FADE_NS
        if fade <= 0:
            self._fade_from = ()

        def picture(index: int, renderer: FaceRenderer) -> RebuiltPicture:
            weighted = [(held[number][index], weight) for number, weight in weights]
            leaving = self._fade_from[index] if self._fade_from else None

            def render() -> Image:
                image = renderer.render_mixture(
                    weighted, parameters, past[: renderer.generator.history]
                )
                if leaving is None:
                    return image
                faded = cv2.addWeighted(image, 1 - fade, leaving.image, fade, 0)
                return np.asarray(faded, np.uint8)

            return RebuiltPicture(render)

        return tuple(picture(index, renderer) for index, renderer in enumerate(self._renderers))

    def _past_at(self, now_ns: int) -> list[FaceParameters]:
        """Frames shown 40, 80 ... ms ago, as far as any were shown and anyone looks."""
        past: list[FaceParameters] = []
        longest = max((renderer.generator.history for renderer in self._renderers), default=0)
        for tick in range(1, longest + 1):
            if not self._past:
                break
            wanted = now_ns - tick * _TICK_NS
            past.append(min(self._past, key=lambda shown: abs(shown[0] - wanted))[1])
        return past
