"""The clips of a folder as a sender would send them."""

from pathlib import Path

from export.codec_tables import FittedClip, fit_clip
from export.landmarks import clip_paths, tracked_landmarks
from shared.errors import ArtifactError
from shared.face_model import FaceModel

_LEAST_FRAMES = 25


def fitted_clips(
    model: FaceModel, data: Path, cache: Path, *, most: int | None = None
) -> list[FittedClip]:
    """At least one clip of enough frames, of the first `most` alone where it is given.

    Raises ArtifactError where there is none.
    """
    tracked = (tracked_landmarks(path, cache) for path in clip_paths(data)[:most])
    clips = [fit_clip(model, points) for points in tracked if len(points) >= _LEAST_FRAMES]
    if not clips:
        raise ArtifactError(
            f"{data}: no clip with {_LEAST_FRAMES} frames of a face, clips of faces are expected"
        )
    return clips
