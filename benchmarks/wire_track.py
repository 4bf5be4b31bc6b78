"""A clip as a sender would send it, tracked once and played as often as it is needed.

One crop, one identity and one reference, those of the first frame with a face: what the wire
costs afterwards is parameters alone. The clip is played forwards and backwards in turn, so that
a call of any length moves without a jump.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.clip import Clip
from benchmarks.driving import TrackedClip, first_face, fit_clip
from sender.crop_image import crop_image
from sender.reference_encoder import FIRST_IMAGE_BYTES, EncodedReference
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.identity_message import pack_identity, parse_identity
from shared.image_header import ImageFormat
from shared.parameters import (
    CROP_SIZE,
    PARAMETER_SIZE,
    Crop,
    FaceParameters,
    FloatArray,
    Identity,
    Reference,
)
from shared.reference_image import EncodedImage, decode_reference_image, encode_reference_image
from shared.reference_parameters import parameters_as_received

LEAST_FRAMES = 50
"""Of a clip that is worth measuring: two seconds."""

MAX_FPS = 25.0


@dataclass(frozen=True, slots=True, eq=False)
class RecordedTrack:
    """Parameters of every frame, and what a receiver needs to show them."""

    name: str
    fps: float
    vectors: FloatArray
    """(F, 35) expression, then camera; rows of NaN where no face is followed."""

    landmarks: FloatArray
    """(F, 478, 3) image coordinates of the crop, smoothed; NaN likewise."""

    first: int
    """The reference's frame."""

    crop: Crop
    frame_size: tuple[int, int]
    """Width and height of the clip in pixels."""

    identity: Identity
    """As it is received."""

    picture: EncodedImage
    """Of the reference."""

    @classmethod
    def record(cls, clip: Clip, model: FaceModel) -> Self:
        """Track and fit a clip. Raises ArtifactError without a face or with too few frames."""
        tracked = TrackedClip.track(clip)
        if len(tracked.landmarks) < LEAST_FRAMES:
            raise ArtifactError(
                f"{clip.path}: {len(tracked.landmarks)} frames, at least {LEAST_FRAMES} are needed"
            )
        first = first_face(tracked)
        crop = tracked.crop_at(first)
        identity, fitted = fit_clip(tracked, model, first, crop)
        missing = np.full(PARAMETER_SIZE, np.nan, np.float32)
        no_points = np.full((model.mean.shape[0], 3), np.nan, np.float32)
        image = next(f.image for f in clip.frames() if f.index == first)
        picture = encode_reference_image(crop_image(image, crop, CROP_SIZE), FIRST_IMAGE_BYTES)
        keep = _thinned(len(fitted), float(clip.rate))
        return cls(
            name=clip.path.stem,
            fps=min(float(clip.rate), MAX_FPS),
            vectors=np.stack([missing if (f := fitted[i]) is None else f.vector for i in keep]),
            landmarks=np.stack(
                [
                    no_points if (p := tracked.landmarks[i]) is None else crop.to_image(p)
                    for i in keep
                ]
            ).astype(np.float32),
            first=min(int(np.searchsorted(keep, first)), len(keep) - 1),
            crop=crop,
            frame_size=(tracked.width, tracked.height),
            identity=identity,
            picture=picture,
        )

    def index_at(self, position: int) -> int:
        """The frame that is played as number `position` of a call: there and back again."""
        last = len(self.vectors) - 1
        return last - abs(last - position % (2 * last))

    def parameters(self, index: int, capture_time: int) -> FaceParameters | None:
        """Of a frame; None where no face is followed."""
        vector = self.vectors[index]
        if np.isnan(vector[0]):
            return None
        return FaceParameters.from_vector(vector, capture_time=capture_time)

    def reference(self) -> EncodedReference:
        """The one reference, as the sender sends it."""
        own = self.parameters(self.first, 0)
        assert own is not None
        reference = Reference(
            set_id=0,
            reference_id=0,
            crop=self.crop,
            identity=self.identity,
            parameters=parameters_as_received(own),
            image=decode_reference_image(self.picture.data, self.picture.image_format),
        )
        return EncodedReference(reference, self.picture, *self.frame_size)

    def save(self, path: Path) -> None:
        """For another process."""
        np.savez(
            path,
            name=self.name,
            fps=self.fps,
            vectors=self.vectors,
            landmarks=self.landmarks,
            first=self.first,
            crop=[self.crop.x, self.crop.y, self.crop.size],
            frame_size=self.frame_size,
            identity=_bytes(pack_identity(self.identity)),
            picture=_bytes(self.picture.data),
            picture_format=self.picture.image_format.value,
            picture_quality=self.picture.quality,
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        with np.load(path) as found:
            width, height = (int(value) for value in found["frame_size"])
            return cls(
                name=str(found["name"]),
                fps=float(found["fps"]),
                vectors=found["vectors"],
                landmarks=found["landmarks"],
                first=int(found["first"]),
                crop=Crop(*(float(value) for value in found["crop"])),
                frame_size=(width, height),
                identity=parse_identity(found["identity"].tobytes()),
                picture=EncodedImage(
                    found["picture"].tobytes(),
                    ImageFormat(str(found["picture_format"])),
                    int(found["picture_quality"]),
                ),
            )


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def _thinned(count: int, fps: float) -> NDArray[np.int64]:
    """Indices of frames at no more than MAX_FPS, evenly spread."""
    kept = int(count * min(1.0, MAX_FPS / fps))
    return np.minimum(np.arange(kept) * max(1.0, fps / MAX_FPS), count - 1).astype(np.int64)
