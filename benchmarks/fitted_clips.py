"""The clips of a folder as a sender would send them."""

from pathlib import Path

from export.codec_tables import FittedClip, fit_clip
from export.landmarks import clip_paths, tracked_landmarks
from shared.errors import ArtifactError
from shared.face_model import FaceModel

_LEAST_FRAMES = 25


def fitted_clips(
    model: FaceModel, data: Path, cache: Path, *, most: int | None = None
) -> tuple[list[FittedClip], dict[str, str]]:
    """At least one clip of enough frames, of the first `most` alone where it is given; and why
    others are left out, by name.

    Raises ArtifactError where there is none.
    """
    clips: list[FittedClip] = []
    left_out: dict[str, str] = {}
    for path in clip_paths(data)[:most]:
        points = tracked_landmarks(path, cache)
        if len(points) >= _LEAST_FRAMES:
            clips.append(fit_clip(model, points))
        else:
            left_out[path.stem] = f"{len(points)} frames of a face, {_LEAST_FRAMES} are needed"
    if not clips:
        raise ArtifactError(
            f"{data}: no clip with {_LEAST_FRAMES} frames of a face, clips of faces are expected"
        )
    return clips, left_out
