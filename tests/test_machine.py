"""The facts beside a measurement: whole, printable, and about nobody."""

import json
import platform
import re

import pytest

from benchmarks import machine
from benchmarks.machine import machine_facts


def test_facts_are_json_without_the_hosts_name() -> None:
    facts = machine_facts()
    text = json.dumps(facts.as_json())
    assert facts.cores >= 1
    assert facts.cpu
    assert re.fullmatch(r"([0-9a-f]{12})?", facts.commit)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", facts.date)
    assert facts.versions["numpy"]
    assert len(platform.node()) < 4 or platform.node() not in text


def test_outside_a_repository_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    facts = machine_facts()
    assert (facts.commit, facts.changed) == ("", False)
    assert machine._output("no-such-command") == ""
