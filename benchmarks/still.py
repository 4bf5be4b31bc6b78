"""The generator that does nothing: the reference as it is, the floor under every other."""

from collections.abc import Sequence

import numpy as np

from shared.channel import Channel
from shared.features import Features
from shared.frame_input import FrameInput
from shared.parameters import CROP_SIZE, FloatArray, Image


class StillGenerator:
    """Shows the reference's own picture, whatever the driving frame."""

    name = "still"
    size = CROP_SIZE
    channels = (Channel.MASK,)
    condition_size = (16, 16)
    history = 0
    largest_batch = 1

    def prepare(self, image: Image, conditions: FloatArray) -> Features:
        return Features({"image": np.ascontiguousarray(image)})

    def generate(
        self, features: Features, conditions: FloatArray, past_pncc: FloatArray | None = None
    ) -> Image:
        return np.asarray(features.tensors["image"], np.uint8)

    def generate_batch(self, frames: Sequence[FrameInput]) -> list[Image]:
        return [self.generate(one.features, one.conditions, one.past_pncc) for one in frames]

    def close(self) -> None:
        """Nothing to release."""
