"""MediaPipe's own face mesh on clips; run by path in an environment of its own.

    python benchmarks/mediapipe_landmarks.py OUT.npz CLIP...

MediaPipe 0.10.21 needs numpy below 2 and knows no Python 3.13, so that it cannot share ours. OUT
holds, by the clip's place in the list, (frames, 478, 3) float32 frame pixels, NaN without a face.
"""

import sys
from pathlib import Path

import av
import mediapipe
import numpy as np

_VERTEX_COUNT = 478


def landmarks_of_clip(path: Path) -> np.ndarray:
    """(frames, 478, 3) of the one face that MediaPipe follows; z in the unit of x."""
    frames = []
    with (
        mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True) as mesh,
        av.open(str(path)) as container,
    ):
        for frame in container.decode(video=0):
            picture = frame.to_ndarray(format="rgb24")
            faces = mesh.process(picture).multi_face_landmarks
            points = np.full((_VERTEX_COUNT, 3), np.nan, np.float32)
            if faces:
                points[:] = [(p.x, p.y, p.z) for p in faces[0].landmark]
            frames.append(points * (frame.width, frame.height, frame.width))
    return np.asarray(frames, np.float32)


if __name__ == "__main__":
    np.savez(sys.argv[1], *(landmarks_of_clip(Path(path)) for path in sys.argv[2:]))
