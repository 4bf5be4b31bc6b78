"""What a process has counted, once a second, as JSON lines: for the demo's table and reports.

One line is one `TraceRecord`; all numbers grow from the start of the process, so that the
difference of any two lines is what happened in between. Times are of the monotonic clock,
which all processes of one machine share. No picture, sound or payload is ever written.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from shared.clock import Clock
from shared.errors import ArtifactError, ConfigError
from shared.metrics import DurationSummary, Metrics, MetricsSnapshot
from shared.webrtc.wire_counter import WireCount, WireSnapshot

TRACE_PERIOD_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """Everything counted until one moment."""

    time_ns: int
    """Monotonic."""

    metrics: MetricsSnapshot

    wire: WireSnapshot | None
    """Of the process's one connection; None before there is one."""

    def counter(self, name: str, label: str = "") -> int:
        return self.metrics.counters.get((name, label), 0)

    def counters(self, name: str) -> dict[str, int]:
        """All labels of one counter."""
        return {label: n for (key, label), n in self.metrics.counters.items() if key == name}

    def pack(self) -> str:
        """One line without its end."""
        return json.dumps(
            {
                "time_ns": self.time_ns,
                "stages": {name: asdict(stage) for name, stage in self.metrics.stages.items()},
                "counters": [[*key, n] for key, n in sorted(self.metrics.counters.items())],
                "gauges": self.metrics.gauges,
                "wire": None if self.wire is None else asdict(self.wire),
            },
            separators=(",", ":"),
        )

    @classmethod
    def parse(cls, line: str) -> "TraceRecord":
        """Raises ArtifactError for anything that `pack` did not write."""
        try:
            found = json.loads(line)
            wire = found["wire"]
            return cls(
                time_ns=int(found["time_ns"]),
                metrics=MetricsSnapshot(
                    stages={
                        name: DurationSummary(**stage) for name, stage in found["stages"].items()
                    },
                    counters={
                        (str(name), str(label)): int(n) for name, label, n in found["counters"]
                    },
                    gauges={name: float(value) for name, value in found["gauges"].items()},
                ),
                wire=None
                if wire is None
                else WireSnapshot(*(WireCount(**wire[f.name]) for f in fields(WireSnapshot))),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ArtifactError(f"no trace record: {line[:80]!r}") from error


def check_trace_path(path: Path) -> None:
    """Empty the file of a trace to come. Raises ConfigError when it cannot be written."""
    try:
        path.open("w").close()
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


async def write_trace(
    path: Path,
    *,
    metrics: Metrics,
    clock: Clock,
    wire: Callable[[], WireSnapshot | None],
) -> None:
    """Append a record every half second until cancelled, and a last one then."""
    with path.open("w", encoding="utf-8", buffering=1) as file:
        try:
            while True:
                _write(file.write, metrics, clock, wire)
                await asyncio.sleep(TRACE_PERIOD_SECONDS)
        finally:
            _write(file.write, metrics, clock, wire)


def _write(
    write: Callable[[str], int],
    metrics: Metrics,
    clock: Clock,
    wire: Callable[[], WireSnapshot | None],
) -> None:
    write(TraceRecord(clock.now_ns(), metrics.snapshot(), wire()).pack() + "\n")


class TraceReader:
    """Follows a trace that another process is still writing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.records: list[TraceRecord] = []
        """Oldest first."""

    def poll(self) -> TraceRecord | None:
        """Read what was added; the newest record, None before the first."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # the writer is in the middle of it
                    self._offset += len(line)
                    self.records.append(TraceRecord.parse(line.decode()))
        return self.records[-1] if self.records else None
