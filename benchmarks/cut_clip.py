"""The start of a clip as every contender gets it: one crop of 256 x 256, 25 pictures a second."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from benchmarks.clip import Clip, ClipFrame
from benchmarks.wire_track import LEAST_FRAMES
from sender.crop_image import crop_image
from sender.crop_policy import HeadBox, wanted_crop
from shared.errors import ArtifactError
from shared.parameters import CROP_SIZE, Crop, Image
from shared.tracker import FaceTracker

_MOST_RATE = Fraction(25)


@dataclass(frozen=True, slots=True, eq=False)
class CutClip:
    """A `PictureSource`."""

    name: str
    rate: Fraction
    """Pictures a second: the clip's, at most 25."""

    pictures: tuple[Image, ...]
    """(256, 256, 3) each."""

    @classmethod
    def cut(cls, clip: Clip, most_pictures: int) -> Self:
        """A clip of that size is a crop already; of another the crop around its first face.

        Raises ArtifactError without a face or with less than two seconds.
        """
        rate = min(clip.rate, _MOST_RATE)
        crop: Crop | None = None
        tracker = FaceTracker(max_faces=1)
        pictures: list[Image] = []
        for frame in clip.frames():
            if frame.index * rate // clip.rate == (frame.index - 1) * rate // clip.rate:
                continue  # more than 25 a second
            crop = crop or _crop_of(frame.image, tracker)
            if crop is None:
                continue  # nobody is there yet
            pictures.append(crop_image(frame.image, crop, CROP_SIZE))
            if len(pictures) == most_pictures:
                break
        if crop is None:
            raise ArtifactError(f"{clip.path}: no face, one is needed")
        if len(pictures) < LEAST_FRAMES:
            raise ArtifactError(
                f"{clip.path}: {len(pictures)} frames, at least {LEAST_FRAMES} are needed"
            )
        return cls(clip.path.stem, rate, tuple(pictures))

    def frames(self) -> Iterator[ClipFrame]:
        for index, picture in enumerate(self.pictures):
            yield ClipFrame(index, picture, index, 1 / self.rate)


def _crop_of(image: Image, tracker: FaceTracker) -> Crop | None:
    height, width = image.shape[:2]
    if width == height == CROP_SIZE:
        return Crop(x=0, y=0, size=CROP_SIZE)
    face = next(iter(tracker.track(image)), None)
    if face is None:
        return None
    return wanted_crop(HeadBox.from_landmarks(face.points), width=width, height=height)
