"""One party's place at the engine: a slot of one, where the newest frame wins."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from receiver.picture_maker import PictureMaker, RebuiltPicture, RenderRequest
from shared.errors import InferenceError, KilocallError
from shared.face_renderer import PreparedReference
from shared.parameters import Reference

_log = logging.getLogger(__name__)

MAX_WAITING_REFERENCES = 8
"""A party's references waiting to be prepared: two sets of four."""

OnPicture = Callable[[RebuiltPicture], None]
OnPrepared = Callable[[PreparedReference], None]
OnFailure = Callable[[KilocallError], None]


@dataclass(frozen=True, slots=True, eq=False)
class LaneFrame:
    """A frame to render, and whom to tell."""

    request: RenderRequest
    on_picture: OnPicture
    on_failure: OnFailure


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """A reference to load and prepare, and whom to tell."""

    load: Callable[[], Reference]
    on_prepared: OnPrepared
    on_failure: OnFailure


class LaneHost(Protocol):
    """The engine, as its lanes see it."""

    def put_frame(self, lane: "RenderLane", frame: LaneFrame) -> None:
        """See `RenderLane.render`."""

    def put_preparation(self, lane: "RenderLane", preparation: Preparation) -> bool:
        """See `RenderLane.prepare`."""

    def close_lane(self, lane: "RenderLane") -> None:
        """See `RenderLane.close`."""


@dataclass(slots=True, eq=False)
class RenderLane:
    """What a party does at the engine. Callbacks come from the workers' threads."""

    host: LaneHost
    maker: PictureMaker
    frame: LaneFrame | None = None
    """The slot."""

    busy: bool = False
    """A frame is under way; the next one begins after it, so that pictures stay in order."""

    closed: bool = False

    def render(self, request: RenderRequest, on_picture: OnPicture, on_failure: OnFailure) -> None:
        """Put a frame into the slot; one that waits there is dropped and counted."""
        self.host.put_frame(self, LaneFrame(request, on_picture, on_failure))

    def prepare(
        self, load: Callable[[], Reference], on_prepared: OnPrepared, on_failure: OnFailure
    ) -> bool:
        """Load a reference and prepare it; False when too many wait already."""
        return self.host.put_preparation(self, Preparation(load, on_prepared, on_failure))

    def close(self) -> None:
        """Leave; what waits is dropped, and what is under way calls nobody back."""
        self.host.close_lane(self)


def explained(error: Exception) -> KilocallError:
    """What a party is told of an error; a mistake of ours is logged with its traceback."""
    if isinstance(error, KilocallError):
        return error
    _log.error("the renderer failed", exc_info=error)
    return InferenceError(f"{type(error).__name__} while rendering: {error}")
