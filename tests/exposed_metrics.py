"""Every metric that a receiver can expose, found in its code and asked of /metrics."""

import ast
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from shared.metrics import Metrics, Stage
from tests.integration.receiver_process import running_receiver

ROOT = Path(__file__).parent.parent
_PACKAGES = ("receiver", "shared")


@dataclass(frozen=True, slots=True)
class Exposed:
    """What a query may name."""

    samples: frozenset[str]
    labels: frozenset[tuple[str, str, str]]
    """(sample, label, value)."""

    changed: frozenset[str]
    """Counters above 0."""

    meanings: dict[str, str]
    """Of families."""


def everything_counted() -> Metrics:
    """Each stage and counter once, under each label that stands in the code as a literal."""
    metrics = Metrics()
    for stage in Stage:
        metrics.observe_ms(stage, 1.0)
    for name, label in counted():
        metrics.count(name, label)
    return metrics


async def exposed_metrics(metrics: Metrics) -> Exposed:
    """What a receiver that counted this tells."""
    async with running_receiver(metrics=metrics) as receiver, httpx.AsyncClient() as client:
        text = (await client.get(f"{receiver.url}/metrics")).text
    families = list(text_string_to_metric_families(text))
    samples = [one for family in families for one in family.samples]
    return Exposed(
        samples=frozenset(one.name for one in samples),
        labels=frozenset((one.name, *pair) for one in samples for pair in one.labels.items()),
        changed=frozenset(
            one.name
            for one in samples
            if one.name.startswith("kilocall_") and one.name.endswith("_total") and one.value
        ),
        meanings={family.name: family.documentation for family in families},
    )


def counted() -> set[tuple[str, str]]:
    """(counter, label), "" for a label that is no literal."""
    found: set[tuple[str, str]] = set()
    for package in _PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _is_count(node.func):
                    name, label = (*node.args, None)[:2]
                    if isinstance(name, ast.Constant) and isinstance(name.value, str):
                        literal = label.value if isinstance(label, ast.Constant) else ""
                        found.add((name.value, str(literal)))
    return found


def _is_count(function: ast.expr) -> bool:
    """`metrics.count` and `self._metrics.count`, not `str.count`."""
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "count"
        and ast.unparse(function.value).endswith("metrics")
    )
