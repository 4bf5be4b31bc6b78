"""Alerts and dashboard ask for metrics that exist, and alerts fire when they should."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.exposed_metrics import everything_counted, exposed_metrics

ROOT = Path(__file__).parent.parent
RULES = ROOT / "docker/prometheus/rules.yml"
DASHBOARD = ROOT / "docker/grafana/dashboards/receiver.json"
PROVISIONING = ROOT / "docker/grafana/provisioning"


def _rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return panels


def _queries() -> Iterator[str]:
    for rule in _rules():
        yield rule["expr"]
    for panel in _panels():
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "1m")


async def test_every_metric_asked_for_is_exposed() -> None:
    exposed = await exposed_metrics(everything_counted())
    recorded = {rule["record"] for rule in _rules() if "record" in rule}
    asked = {
        name for query in _queries() for name in re.findall(r"\b(?:kilocall|process)[\w:]+", query)
    }
    assert len(asked) > 15
    assert asked <= exposed.samples | recorded
    for query in _queries():
        for name, selector in re.findall(r"(kilocall_\w+)\{([^}]*)\}", query):
            for label, values in re.findall(r'(\w+)=~?"([^"]*)"', selector):
                for value in values.split("|"):
                    assert (name, label, value) in exposed.labels


def test_panels_stand_apart_and_ask_the_datasource_that_is_set_up() -> None:
    sources = yaml.safe_load((PROVISIONING / "datasources/prometheus.yaml").read_text())
    (uid,) = (source["uid"] for source in sources["datasources"])
    cells: set[tuple[int, int]] = set()
    for panel in _panels():
        place = panel["gridPos"]
        own = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert not cells & own, panel["title"]
        assert place["x"] + place["w"] <= 24
        cells |= own
        assert panel["datasource"]["uid"] == uid
        assert all(target["datasource"]["uid"] == uid for target in panel["targets"])
    assert len({panel["id"] for panel in _panels()}) == len(_panels())


def test_the_dashboard_lies_where_grafana_looks() -> None:
    providers = yaml.safe_load((PROVISIONING / "dashboards/kilocall.yaml").read_text())["providers"]
    (path,) = (provider["options"]["path"] for provider in providers)
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
    assert f"./grafana/dashboards:{path}:ro" in compose["services"]["grafana"]["volumes"]


def test_the_operator_is_told_what_to_do_about_each_alert() -> None:
    page = (ROOT / "docker/README.md").read_text()
    for rule in _rules():
        if "alert" in rule:
            assert f"`{rule['alert']}`" in page, rule["alert"]
            assert rule["annotations"]["summary"]


def _promtool(*arguments: str) -> None:
    command = shutil.which("promtool")
    if command is None:
        pytest.skip("needs Prometheus (apt-get install prometheus)")
    ended = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_prometheus_accepts_configuration_and_rules() -> None:
    _promtool("check", "config", str(ROOT / "docker/prometheus/prometheus.yml"))


def test_alerts_fire_when_they_should_and_not_otherwise() -> None:
    _promtool("test", "rules", str(ROOT / "tests/alerts.yml"))


def test_prometheus_understands_what_the_dashboard_asks(tmp_path: Path) -> None:
    rules = [{"record": f"query{i}", "expr": query} for i, query in enumerate(_queries())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    _promtool("check", "rules", str(file))
