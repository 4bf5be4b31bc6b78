"""What a network runs on, and how its time is taken there."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from export.speed.unavailable import UnavailableError
from shared.errors import ConfigError

_WARM_UPS = 3
"""At least: the first runs choose kernels and fill caches."""

_FEWEST, _MOST = 5, 1000
"""Runs that are timed."""


@dataclass(frozen=True, slots=True)
class Processor:
    """One GPU, or the CPU's cores together."""

    device: torch.device
    name: str
    """As its maker calls it; empty for the CPU."""

    @property
    def is_gpu(self) -> bool:
        return self.device.type == "cuda"

    def synchronize(self) -> None:
        """Wait until everything that was asked for is done."""
        if self.is_gpu:
            torch.cuda.synchronize(self.device)

    def facts(self) -> dict[str, object]:
        """For a result file."""
        facts: dict[str, object] = {"device": self.device.type, "torch": torch.__version__}
        if self.is_gpu:
            properties = torch.cuda.get_device_properties(self.device)
            facts |= {
                "gpu": self.name,
                "memory_mb": properties.total_memory // 2**20,
                "multiprocessors": properties.multi_processor_count,
                "capability": f"{properties.major}.{properties.minor}",
                "cuda": torch.version.cuda,
                "cudnn": torch.backends.cudnn.version(),
            }
        return facts

    def begin_memory(self) -> None:
        """Count memory from here."""
        if self.is_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak_memory_mb(self) -> float | None:
        """2^20 bytes of tensors at once since `begin_memory`; None where torch does not count."""
        if not self.is_gpu:
            return None
        return torch.cuda.max_memory_allocated(self.device) / 2**20

    def times_ms(self, run: Callable[[], object], *, seconds: float) -> tuple[float, ...]:
        """Of single runs, after a warm-up, for about so many seconds.

        On a GPU between two events around each run, so that the time is the GPU's; on the CPU by
        the clock.
        """
        for _ in range(_WARM_UPS):
            run()
        self.synchronize()
        started = time.perf_counter()
        run()
        self.synchronize()
        once = time.perf_counter() - started
        count = min(max(int(seconds / max(once, 1e-6)), _FEWEST), _MOST)
        if not self.is_gpu:
            return tuple(_clocked_ms(run) for _ in range(count))
        events = [
            tuple(torch.cuda.Event(enable_timing=True) for _ in range(2)) for _ in range(count)
        ]
        for begin, end in events:
            begin.record()
            run()
            end.record()
        self.synchronize()
        return tuple(begin.elapsed_time(end) for begin, end in events)


def open_processor(kind: str) -> Processor:
    """`cuda` or `cpu`. Raises UnavailableError without a GPU, ConfigError for another name."""
    if kind == "cpu":
        return Processor(torch.device("cpu"), "")
    if kind != "cuda":
        raise ConfigError(f"device {kind!r}, cuda or cpu is possible")
    if not torch.cuda.is_available():
        raise UnavailableError(f"no GPU that torch {torch.__version__} can use")
    torch.backends.cudnn.benchmark = True  # sizes never change
    # Convolutions of float32 run in TF32 unless told otherwise: matrix products must, too, to be
    # the roof above them.
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda", torch.cuda.current_device())
    return Processor(device, torch.cuda.get_device_name(device))


def _clocked_ms(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - started)
