"""What a GPU benchmark measures."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared.errors import ConfigError
from shared.number_format import NumberFormat

NETWORKS = ("lite", "base", "base-half")
BATCHES = (1, 2, 4, 8, 16)
BACK_ENDS = ("eager", "graph", "compile", "compile-graph", "onnxruntime", "tensorrt")
"""`export.speed.back_ends` opens them; named here as torch is not imported before it is needed."""

NUMBER_FORMATS = (NumberFormat.FLOAT16, NumberFormat.FLOAT32)
SHOWN_CALLS = (1, 2, 4, 8, 16, 32, 64)
"""Whose p99 is told."""

TINY: Mapping[str, Mapping[str, Any]] = {
    "lite": {
        "appearance": 8, "rest": 4, "code": 4, "detail": 4, "motion": (8, 8, 8),
        "motion_blocks": (0, 0, 1), "body": 16, "head": 8, "encoder": (8, 8, 8, 8),
    },
    "base": {"size": 64, "widths": (4, 16, 64), "spade_hidden": 16},
    "base-half": {"size": 64, "widths": (2, 8, 32), "spade_hidden": 8},
}  # fmt: skip
"""Sizes by which all of the benchmark runs in seconds on a CPU."""


@dataclass(frozen=True, slots=True)
class GpuPlan:
    """Raises ConfigError for names that are unknown and amounts that measure nothing."""

    device: str = "cuda"
    networks: tuple[str, ...] = NETWORKS
    number_formats: tuple[NumberFormat, ...] = NUMBER_FORMATS
    batches: tuple[int, ...] = BATCHES
    back_ends: tuple[str, ...] = BACK_ENDS
    seconds: float = 2.0
    """Of each time that is taken."""

    call_seconds: float = 20.0
    """Of simulated calls, and of real ones."""

    sizes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of networks, where not their own."""

    quick: bool = False

    def __post_init__(self) -> None:
        for what, found, known in (
            ("network", self.networks, NETWORKS),
            ("back end", self.back_ends, BACK_ENDS),
        ):
            for name in found:
                if name not in known:
                    raise ConfigError(f"{what} {name!r}, known are {', '.join(known)}")
        if not self.batches or min(self.batches) < 1 or list(self.batches) != sorted(self.batches):
            raise ConfigError(
                f"batches {', '.join(map(str, self.batches)) or 'none'}, rising numbers from 1 are "
                "expected"
            )
        if self.batches[0] != 1:
            raise ConfigError(f"batches from {self.batches[0]}, one frame is always measured")

    @property
    def prefix(self) -> str:
        """Of names of figures: a CPU's numbers may not be taken for a GPU's."""
        return "gpu" if self.device == "cuda" else "gpu_on_cpu"


def quick_plan(plan: GpuPlan) -> GpuPlan:
    """Little of it: on a CPU networks of tiny sizes, on a GPU two networks without compilers."""
    if plan.device == "cpu":
        return replace(
            plan,
            sizes=TINY,
            networks=tuple(name for name in plan.networks if name != "base") or plan.networks,
            batches=tuple(batch for batch in plan.batches if batch <= 4),
            back_ends=_without_compilers(plan),
            seconds=0.1,
            call_seconds=1.0,
            quick=True,
        )
    return replace(
        plan,
        networks=tuple(name for name in plan.networks if name != "lite") or plan.networks,
        number_formats=plan.number_formats[:1],
        back_ends=_without_compilers(plan),
        seconds=0.3,
        call_seconds=3.0,
        quick=True,
    )


def _without_compilers(plan: GpuPlan) -> tuple[str, ...]:
    kept = tuple(name for name in plan.back_ends if not name.startswith("compile"))
    return kept or plan.back_ends
