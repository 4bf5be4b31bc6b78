"""The numbers of one call of the latency benchmark. Pure arithmetic."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from benchmarks.latency_plan import Cell
from benchmarks.stage_times import StageTime, stage_time
from benchmarks.step_latency import StepLatency, balanced_mean
from shared.metrics import Stage

STAMP = "stamp"
"""From the camera's own time of a frame to the time stamp that a page gives it."""

PAGE = "page"
"""In a page, from a frame to what is sent of it, but for track, fit and encode."""

_SENDER_PARTS = (STAMP, PAGE, Stage.TRACK.value, Stage.FIT.value, Stage.ENCODE.value)
_RECEIVER_PARTS = tuple(
    stage.value for stage in (Stage.DECODE, Stage.CONDITION, Stage.GENERATE, Stage.VIDEO)
)

WAITING = "wait"
"""Packing, threads' turns, network and playout: what is left between the stages that are timed."""

HOP = "hop"
"""From the rebuilt picture to the player's: VP8 encoder, packets, decoder."""

PARTS = (*_SENDER_PARTS, WAITING, *_RECEIVER_PARTS, HOP)
"""What a latency is made of, in its order."""


@dataclass(frozen=True, slots=True)
class LatencyScores:
    """Of one call, warm-up left out but for the stages' percentiles."""

    stages: dict[str, StageTime]
    """By name, in pipeline order."""

    claimed_ms: tuple[float, ...]
    """Capture to the player's decoded picture by the bar code, of each picture."""

    steps: tuple[StepLatency, ...]
    pictures_per_second: float
    frozen_share: float
    """Of the time, in which the picture stands for 120 ms or more while the source moves."""

    sound_early_ms: float | None
    """How much earlier sound comes than its picture; None where it cannot be told."""

    in_band_wait_ms: float | None
    """Mean wait of a message for its packet of sound; None where none rode."""

    @property
    def player(self) -> StageTime | None:
        """`claimed_ms` in brief."""
        return stage_time(self.claimed_ms)

    @property
    def measured_ms(self) -> list[float]:
        """Of the steps that were seen."""
        return [step.measured_ms for step in self.steps if step.measured_ms is not None]

    @property
    def differences_ms(self) -> list[float]:
        """Measured less claimed, of the same steps."""
        return [step.difference_ms for step in self.steps if step.difference_ms is not None]

    @property
    def parts_ms(self) -> dict[str, float]:
        """Means of PARTS, those that are known; with all of them known their sum is the mean way
        from the camera to the player's picture."""
        means = {name: stage.mean_ms for name, stage in self.stages.items()}
        parts = {name: means[name] for name in (*_SENDER_PARTS, *_RECEIVER_PARTS) if name in means}
        handed_on = means.get(Stage.LATENCY.value)
        if handed_on is not None:
            # What comes before the time stamp is in no claim.
            timed = sum(value for name, value in parts.items() if name != STAMP)
            parts[WAITING] = handed_on - timed
            if self.player is not None:
                parts[HOP] = self.player.mean_ms - handed_on
        return {name: parts[name] for name in PARTS if name in parts}

    def figures(self, cell: Cell) -> dict[str, float | None]:
        """By name."""
        found: dict[str, float | None] = {}
        for name, stage in (("", self.player), *((f"{n}_", s) for n, s in self.stages.items())):
            for percent in (50, 95, 99):
                key = f"p{percent}_ms"
                found[f"{name}{key}"] = None if stage is None else getattr(stage, key)
        found |= {f"part_{name}_mean_ms": value for name, value in self.parts_ms.items()}
        found["steps_mean_ms"] = balanced_mean(self.steps, lambda step: step.measured_ms)
        found["steps_less_claim_mean_ms"] = balanced_mean(
            self.steps, lambda step: step.difference_ms
        )
        found["steps_seen_share"] = len(self.measured_ms) / len(self.steps) if self.steps else None
        found["pictures_per_second"] = self.pictures_per_second
        found["frozen_share"] = self.frozen_share
        found["sound_early_ms"] = self.sound_early_ms
        found["in_band_wait_mean_ms"] = self.in_band_wait_ms
        return {f"{cell.name}/{name}": value for name, value in found.items()}

    def as_json(self) -> dict[str, object]:
        """For `json.dump`, without every picture."""
        return {
            "stages": {name: asdict(stage) for name, stage in self.stages.items()},
            "parts_ms": self.parts_ms,
            "pictures": len(self.claimed_ms),
            "steps": [
                {
                    "movement": step.movement.name.lower(),
                    "rises": step.rises,
                    "measured_ms": step.measured_ms,
                    "claimed_ms": step.claimed_ms,
                }
                for step in self.steps
            ],
        }


def in_order(stages: Mapping[str, StageTime | None]) -> dict[str, StageTime]:
    """Those that are known, in pipeline order."""
    names = (STAMP, PAGE, *(stage.value for stage in Stage))
    return {name: found for name in names if (found := stages.get(name)) is not None}
