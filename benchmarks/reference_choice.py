"""Where a clip's references come from when its quality is measured."""

from enum import StrEnum
from functools import cached_property

from benchmarks.clip import Clip
from benchmarks.driving import (
    DrivingSource,
    FixedSource,
    PolicySource,
    TrackedClip,
    choose_references,
    first_face,
)
from sender.media_file import MediaFile
from shared.face_model import FaceModel


class ReferenceChoice(StrEnum):
    """All but `1` and `4` know nothing of frames to come."""

    FIRST = "first"
    """One: the first frame with a face."""

    ONE = "1"
    """The frame nearest to all others, known from the future."""

    FOUR = "4"
    """The four that together lie nearest to all others, known from the future."""

    POLICY = "policy"
    """The sender's own set of up to four, as it sends them, within its byte budget."""


class ClipCase:
    """A clip to be measured; tracked at most once for all choices that need its track."""

    def __init__(self, clip: Clip, model: FaceModel) -> None:
        """Raises ArtifactError for a file that is no whole video."""
        self.clip = clip
        self.name = clip.path.stem
        self.length_ns = MediaFile.probe(clip.path).length_ns
        self._model = model

    @cached_property
    def tracked(self) -> TrackedClip:
        """Raises ArtifactError when no frame shows a face."""
        return TrackedClip.track(self.clip)

    def source(self, choice: ReferenceChoice) -> DrivingSource:
        """The clip played with references of that choice."""
        if choice is ReferenceChoice.POLICY:
            return PolicySource(self.clip, self._model)
        frames: tuple[int, ...] = (first_face(self.tracked),)
        if choice is not ReferenceChoice.FIRST:
            frames = choose_references(self.tracked, self._model, int(choice.value))
        return FixedSource(self.tracked, self._model, frames)
