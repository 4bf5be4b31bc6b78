"""`/metrics`: what was counted, in Prometheus' text format."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric

from receiver.calls import Calls
from receiver.counters import COUNTERS
from receiver.rooms import Role
from shared.metrics import Metrics


class _SnapshotCollector:
    """Turns one snapshot into metric families; nothing is registered globally."""

    def __init__(self, metrics: Metrics, calls: Calls) -> None:
        self._metrics = metrics
        self._calls = calls

    def collect(self) -> Iterator[Metric]:
        snapshot = self._metrics.snapshot()
        durations = SummaryMetricFamily(
            "kilocall_stage_seconds", "Time that frames took in each stage", labels=["stage"]
        )
        quantiles = GaugeMetricFamily(
            "kilocall_stage_quantile_seconds",
            "Quantiles of the same since the start",
            labels=["stage", "quantile"],
        )
        for stage, summary in snapshot.stages.items():
            durations.add_metric([stage], summary.count, summary.sum_ms / 1e3)
            for quantile, value in (
                ("0.5", summary.p50_ms),
                ("0.95", summary.p95_ms),
                ("0.99", summary.p99_ms),
            ):
                quantiles.add_metric([stage, quantile], value / 1e3)
        yield durations
        yield quantiles

        yield from _counters(snapshot.counters)
        for name, value in sorted(snapshot.gauges.items()):
            yield GaugeMetricFamily(f"kilocall_{name}", f"Value of {name}", value=value)

        sessions = GaugeMetricFamily("kilocall_sessions", "Sessions that are open", labels=["role"])
        for role in Role:
            count = sum(session.seat.role is role for session in self._calls.sessions)
            sessions.add_metric([role.value], count)
        yield sessions
        yield GaugeMetricFamily("kilocall_rooms", "Rooms in use", value=self._calls.rooms)


def _counters(counted: Mapping[tuple[str, str], int]) -> Iterator[Metric]:
    """All known ones from 0 on, and whatever else was counted."""
    zeros = {(name, label): 0 for name, one in COUNTERS.items() for label in one.labels}
    by_name = groupby(sorted((zeros | dict(counted)).items()), key=lambda one: one[0][0])
    for name, counts in by_name:
        meaning = COUNTERS[name].meaning if name in COUNTERS else f"Count of {name}"
        family = CounterMetricFamily(f"kilocall_{name}", meaning, labels=["reason"])
        for (_, label), count in counts:
            family.add_metric([label], count)
        yield family


def exposition(metrics: Metrics, calls: Calls) -> bytes:
    """The page's bytes."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SnapshotCollector(metrics, calls))
    ProcessCollector(registry=registry)  # memory, CPU time, open files; on Linux
    return generate_latest(registry)
