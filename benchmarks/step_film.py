"""A made film whose mouth opens and head turns at known frames: the built-in portrait, moved.

    mouth  ____/''''''\\__________________________     a round of 132 frames, again and again;
    head   ______________________/'''''''\\_______     a slow sway all the while

The sway keeps the face from being taken for a still one, of which nothing would be sent.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks.chromium import fit_to_camera, write_camera_film
from sender.portrait import MovedPortrait
from shared import bar_code
from shared.parameters import EXPRESSION_SIZE, FaceParameters, Image
from shared.rotation import matrix_from_rotation_vector, rotation_vector_from_matrix

FPS = 25
ROUND_FRAMES = 132
RAMP_FRAMES = 4.0
"""Frames that a step takes: 160 ms, as a mouth does."""

_MOUTH_CLOSED, _MOUTH_OPEN = -1.0, 3.0
"""Standard deviations of the first expression, beside the portrait's smile."""

_TURN_RAD = 0.18
"""To either side."""

_SWAY_RAD = 0.05
_SWAY_FRAMES = ROUND_FRAMES / 3
"""A third of a round, so that its end fits its beginning."""

_SOUND_RATE = 48_000


class Movement(IntEnum):
    """What steps; the column of a signal."""

    MOUTH = 0
    TURN = 1


@dataclass(frozen=True, slots=True)
class Step:
    """A change from one pose to another."""

    movement: Movement

    frame: float
    """Frame of the round at which it is half done."""

    rises: bool
    """Whether the mouth opens, or the head turns to the person's own right."""


STEPS = (
    Step(Movement.MOUTH, 14.3, rises=True),
    Step(Movement.MOUTH, 46.6, rises=False),
    Step(Movement.TURN, 79.2, rises=True),
    Step(Movement.TURN, 112.9, rises=False),
)
"""In order, more than a second apart: a slower picture is not taken for that of another step."""


def level(movement: Movement, frame: float) -> float:
    """How far a movement is at a frame of the round, 0..1."""
    done = 0.0
    for step in STEPS:
        if step.movement is movement:
            share = min(max((frame - step.frame) / RAMP_FRAMES + 0.5, 0.0), 1.0)
            done += share if step.rises else -share
    return done


class StepFilm:
    """One round of the film, rendered when it is made."""

    def __init__(self, portrait: MovedPortrait | None = None) -> None:
        """Takes a second or two. Raises ArtifactError when the portrait's files are damaged."""
        portrait = portrait or MovedPortrait()
        self.images: tuple[Image, ...] = tuple(
            portrait.draw(_pose(portrait.rest, frame)) for frame in range(ROUND_FRAMES)
        )
        """Of each frame, (256, 256, 3)."""

    def write_video(self, path: Path, *, seconds: float, has_sound: bool) -> Path:
        """An MP4 of that length; its sound is noise that comes and goes, of which no two packets
        are alike."""
        with av.open(str(path), "w", format="mp4") as container:
            video = container.add_stream("libx264", rate=FPS)
            video.options = {"crf": "8", "preset": "veryfast"}
            video.height, video.width = self.images[0].shape[:2]
            video.pix_fmt = "yuv420p"
            sound = (
                container.add_stream("aac", rate=_SOUND_RATE, layout="mono") if has_sound else None
            )
            for index in range(round(seconds * FPS)):
                image = self.images[index % ROUND_FRAMES]
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, FPS)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            if sound is not None:
                samples = av.AudioFrame.from_ndarray(_noise(seconds), "fltp", "mono")
                samples.sample_rate = _SOUND_RATE
                container.mux(sound.encode(samples))
                container.mux(sound.encode(None))
        return path

    def write_camera(self, path: Path) -> Path:
        """One round for Chromium's camera; each picture's lowest rows tell its number."""
        write_camera_film(list(self._numbered()), path, FPS)
        return path

    def _numbered(self) -> Iterator[Image]:
        for number, image in enumerate(self.images):
            picture = fit_to_camera(image)
            bar_code.draw(picture, number)
            yield picture


def _pose(rest: FaceParameters, frame: int) -> FaceParameters:
    vector = rest.vector.astype(np.float64)
    mouth, turn = (level(movement, frame) for movement in Movement)
    vector[0] += _MOUTH_CLOSED + (_MOUTH_OPEN - _MOUTH_CLOSED) * mouth
    sway = _SWAY_RAD * math.sin(2 * math.pi * frame / _SWAY_FRAMES)
    moved = np.array([0.0, _TURN_RAD * (2 * turn - 1), sway])
    turned = matrix_from_rotation_vector(moved) @ matrix_from_rotation_vector(rest.rotation)
    rotation = slice(EXPRESSION_SIZE + 1, EXPRESSION_SIZE + 4)
    vector[rotation] = rotation_vector_from_matrix(turned)
    return FaceParameters.from_vector(vector.astype(np.float32), capture_time=0)


def _noise(seconds: float) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """(1, N) samples: seeded, two syllables a second."""
    time = np.arange(round(seconds * _SOUND_RATE)) / _SOUND_RATE
    loudness = 0.05 + 0.2 * np.clip(np.sin(4 * np.pi * time), 0, None)
    noise = np.random.default_rng(1).standard_normal(len(time))
    return np.clip(loudness * noise, -1, 1).astype(np.float32)[np.newaxis]
