"""Clips that play the calls of the wire benchmark."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clip import Clip
from benchmarks.wire_track import RecordedTrack
from shared.errors import ArtifactError
from shared.face_model import FaceModel


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """A recording to play, and a file with its sound."""

    track: RecordedTrack
    clip: Path
    has_sound: bool


def record_actors(
    paths: list[Path], count: int, model: FaceModel, on_progress: Callable[[float], None]
) -> tuple[list[Actor], dict[str, str]]:
    """Recordings of `count` clips spread over the folder, of those with sound where there are
    enough; and why others were left out. Raises ArtifactError when none can be used."""
    actors: list[Actor] = []
    left_out: dict[str, str] = {}
    clips = []
    for path in paths:
        try:
            clips.append(Clip.open(path))
        except ArtifactError as error:
            left_out[path.stem] = str(error)
    speaking = [clip for clip in clips if clip.has_audio]
    step = max(len(speaking) // count, 1)
    spread = [clip for start in range(step) for clip in speaking[start::step]]
    for clip in [*spread, *(clip for clip in clips if not clip.has_audio)]:
        if len(actors) == count:
            break
        try:
            track = RecordedTrack.record(clip, model)
        except ArtifactError as error:
            left_out[clip.path.stem] = str(error)
            continue
        actors.append(Actor(track, clip.path.resolve(), clip.has_audio))
        on_progress(len(actors) / count)
    on_progress(1.0)
    if not actors:
        why = "; ".join(left_out.values())
        raise ArtifactError(f"no clip that can be played, one with a face is needed: {why}")
    return actors, left_out
