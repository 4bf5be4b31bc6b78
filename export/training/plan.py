"""What a training is, from beginning to end; fixed when it begins and kept in its checkpoint."""

import math
from dataclasses import dataclass

from shared.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Plan:
    """Amounts count driving frames, here called samples."""

    samples: int = 300_000
    """Of the whole training; schedules refer to it."""

    references: int = 4
    """In a batch."""

    drivings: int = 3
    """Driving frames of each reference."""

    learning_rate: float = 1.5e-3
    """At its peak, after `warm_up` samples; falls as a cosine to a fiftieth."""

    warm_up: int = 2_000
    motion_share: float = 0.3
    """Of the samples, the first ones: two of three steps learn from the network's preview (where
    pixels come from, at half size), at less than half of the cost. It is what unseen people need
    most samples for."""

    adversarial_share: float = 0.15
    """Of the samples, the last ones: discriminators and matching join in."""

    adversarial_learning_rate: float = 2e-4
    """Of the discriminators (HeadGAN 4.1)."""

    ema_decay: float = 0.999
    seed: int = 1

    def __post_init__(self) -> None:
        if self.samples < self.batch or min(self.references, self.drivings) < 1:
            raise ConfigError(
                f"{self.samples} samples in batches of {self.references} x {self.drivings}, "
                "at least one batch of at least one is needed"
            )

    @property
    def batch(self) -> int:
        """Samples in a batch."""
        return self.references * self.drivings

    def progress(self, samples: int) -> float:
        """In [0, 1]."""
        return min(samples / self.samples, 1.0)

    def rate(self, samples: int) -> float:
        """The generator's learning rate after so many samples."""
        rise = min((samples + self.batch) / max(self.warm_up, 1), 1.0)
        fall = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress(samples)))
        return self.learning_rate * rise * fall

    def is_motion_alone(self, samples: int) -> bool:
        """Whether the step after so many samples paints nothing."""
        return self.progress(samples) < self.motion_share and samples // self.batch % 3 != 2

    def is_adversarial(self, samples: int) -> bool:
        """Whether discriminators take part by now."""
        return self.progress(samples) >= 1 - self.adversarial_share
