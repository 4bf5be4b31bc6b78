"""Inputs of a generator's graphs that are the same numbers on every machine."""

from dataclasses import dataclass

import numpy as np

from shared.bundle import Manifest
from shared.onnx_generator import AUDIO, AUDIO_SIZE, CONDITIONS, IMAGE, PAST_PNCC
from shared.parameters import FloatArray

_CONDITION_SCALE = 0.2
"""Conditions in [0, 0.2]: displacements of that size leave most of a picture inside."""


@dataclass(frozen=True, slots=True)
class InputShapes:
    """What a generator takes beside features."""

    size: int
    """Side S of the picture."""

    conditions: tuple[int, int, int]
    """(C, h, w)."""

    history: int
    takes_audio: bool

    @classmethod
    def of_bundle(cls, manifest: Manifest, *, takes_audio: bool) -> "InputShapes":
        """Those that a manifest states; whether audio is taken, its graph knows."""
        return cls(manifest.size, manifest.condition_shape, manifest.history, takes_audio)


def seeded_inputs(shapes: InputShapes, *, seed: int, batch: int) -> dict[str, FloatArray]:
    """Noise by the inputs' names: `image` and `conditions`, `past_pncc` and `audio` where taken.

    `batch` references and as many frames; `image` (B, 3, S, S) in [-1, 1].
    """
    bits = np.random.PCG64(seed)  # its raw output is fixed; numpy's distributions may change

    def noise(*shape: int) -> FloatArray:
        raw = np.asarray(bits.random_raw(int(np.prod(shape))), np.uint64)
        return ((raw >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)).reshape(shape)

    _, height, width = shapes.conditions
    inputs = {
        IMAGE: noise(batch, 3, shapes.size, shapes.size) * 2 - 1,
        CONDITIONS: noise(batch, *shapes.conditions) * np.float32(_CONDITION_SCALE),
    }
    if shapes.history:
        inputs[PAST_PNCC] = noise(batch, 3 * shapes.history, height, width)
    if shapes.takes_audio:
        inputs[AUDIO] = noise(batch, AUDIO_SIZE) - np.float32(0.5)
    return inputs
