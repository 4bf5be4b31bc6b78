"""What /metrics says of counters: all of them from the start, each with its meaning."""

from receiver.counters import COUNTERS
from shared.metrics import Metrics
from tests.exposed_metrics import counted, exposed_metrics


def test_every_counter_of_the_code_is_known_with_its_labels() -> None:
    found = counted()
    assert len(found) > 40
    assert {name for name, _ in found} == set(COUNTERS)
    for name, label in found:
        known = COUNTERS[name].labels
        assert not known or not label or label in known, (name, label)


async def test_counters_are_exposed_before_anything_happened() -> None:
    exposed = await exposed_metrics(Metrics())
    for name, counter in COUNTERS.items():
        for label in counter.labels:
            assert (f"kilocall_{name}_total", "reason", label) in exposed.labels, (name, label)
    assert not exposed.changed
    assert exposed.meanings["kilocall_pictures"] == "Pictures rebuilt"


async def test_an_unknown_counter_is_exposed_all_the_same() -> None:
    metrics = Metrics()
    metrics.count("surprises", "pleasant")
    exposed = await exposed_metrics(metrics)
    assert ("kilocall_surprises_total", "reason", "pleasant") in exposed.labels
    assert exposed.changed == {"kilocall_surprises_total"}
