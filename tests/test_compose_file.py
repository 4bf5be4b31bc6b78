"""docker/compose.yaml and .env.example name what exists; nothing runs with more than it needs."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from receiver.settings import ReceiverSettings
from tests.compose_file import FOLDER, example, filled, services, settled, variables

RECEIVERS = ("receiver-cpu", "receiver-gpu")
_OF_COMPOSE = {"COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME"}


def _settings() -> set[str]:
    return {f"KILOCALL_{name.upper()}" for name in ReceiverSettings.model_fields}


def test_variables_are_those_of_the_example_with_its_defaults() -> None:
    asked = variables()
    given = example()
    assert {one.name for one in asked} == set(given) - _OF_COMPOSE
    for one in asked:
        if one.default and one.name != "KILOCALL_MEMORY":
            assert given[one.name] == one.default


def test_secrets_are_given_by_nobody_but_the_operator() -> None:
    secrets = [name for name in example() if name.endswith(("_SECRET", "_PASSWORD"))]
    assert len(secrets) == 3
    assert all(not example()[name] for name in secrets)
    assert all(one.default is None for one in variables() if one.name in secrets)


@pytest.mark.parametrize("service", RECEIVERS)
def test_what_a_receiver_is_told_are_settings_that_it_accepts(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = services()[service]["environment"]
    assert set(environment) <= _settings()
    for name, value in environment.items():
        monkeypatch.setenv(name, filled(value, settled()))
    settings = ReceiverSettings.read()
    assert settings.host == "127.0.0.1"
    assert settings.turn_urls[0] == "turn:calls.example.org:3478?transport=udp"
    assert settings.public_url == "https://calls.example.org/"
    assert settings.udp_ports == "40000-40999"
    assert settings.room_creation == "nobody"


def test_media_and_relays_use_other_ports() -> None:
    first, last = map(int, example()["KILOCALL_UDP_PORTS"].split("-"))
    turn = (FOLDER / "coturn/turnserver.conf").read_text()
    low, high = (int(re.findall(rf"^{name}=(\d+)", turn, re.M)[0]) for name in _RELAY_PORTS)
    assert last < low or high < first


_RELAY_PORTS = ("min-port", "max-port")


@pytest.mark.parametrize(("name", "service"), services().items())
def test_services_run_with_what_they_need(name: str, service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service.get("cap_add", [])) <= {"NET_BIND_SERVICE"}
    assert "privileged" not in service
    assert re.search(r":(cpu|gpu|v?\d+\.\d+\.\d+[a-z0-9-]*)$", service["image"]), name


@pytest.mark.parametrize(("name", "service"), services().items())
def test_what_is_mounted_and_built_exists(name: str, service: dict[str, Any]) -> None:
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (FOLDER / source).exists(), name
            assert volume.endswith(":ro")
    if "build" in service:
        context = FOLDER / service["build"]["context"]
        assert (context / service["build"]["dockerfile"]).is_file()


def _compose(environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """`config` of whichever Compose is here."""
    command = shutil.which("docker-compose")
    if command is None:
        pytest.skip("needs Compose (apt-get install docker-compose)")
    lines = [f"{name}={value}\n" for name, value in environment.items()]
    (folder / "env").write_text("".join(lines))
    return subprocess.run(
        [command, "--env-file", str(folder / "env"), "-f", str(FOLDER / "compose.yaml"), "config"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_compose_itself_accepts_it(tmp_path: Path) -> None:
    ended = _compose(settled(), tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "TURN_REALM: calls.example.org" in ended.stdout


def test_compose_refuses_to_begin_without_secrets(tmp_path: Path) -> None:
    ended = _compose(example(), tmp_path)
    assert ended.returncode != 0
    assert "KILOCALL_TOKEN_SECRET" in ended.stderr
