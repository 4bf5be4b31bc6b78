"""The Dockerfiles name what exists, and their commands are shell; how they run: chroot_check.py."""

import asyncio
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from receiver.settings import ReceiverSettings
from tests.dockerfile import copy_of, environment_of, stages
from tests.integration.receiver_process import running_receiver

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
SCRIPTS = sorted((ROOT / "docker").rglob("*.sh"))
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def test_there_is_one_for_each_kind_of_machine() -> None:
    assert [path.name for path in FILES] == ["receiver-cpu.Dockerfile", "receiver.Dockerfile"]


@each_file
def test_what_is_copied_exists_and_is_sent_to_the_builder(path: Path) -> None:
    sent = [
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    copies = [
        copy_of(one) for stage in stages(path) for one in stage.instructions if one.word == "COPY"
    ]
    ours = [source for copy in copies if copy.stage is None for source in copy.sources]
    assert len(ours) > 5
    for source in ours:
        assert (ROOT / source).exists(), source
        assert any(source == one or source.startswith(f"{one}/") for one in sent), source
    names = {stage.name for stage in stages(path)}
    assert all(copy.stage in names for copy in copies if copy.stage is not None)


@each_file
def test_commands_are_shell(path: Path) -> None:
    commands = [
        one.arguments for stage in stages(path) for one in stage.instructions if one.word == "RUN"
    ]
    assert commands
    for command in commands:
        subprocess.run(["bash", "-n", "-c", command], check=True)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_shell(path: Path) -> None:
    subprocess.run(["sh", "-n", str(path)], check=True)


@each_file
def test_images_are_pinned_and_the_last_one_runs_as_nobody_in_particular(path: Path) -> None:
    for stage in stages(path):
        assert re.search(r":\d+\.\d+", stage.image), stage.image
    last = {one.word: one.arguments for one in stages(path)[-1].instructions}
    assert last["USER"] == "10001:10001"
    assert last["VOLUME"] == '["/var/lib/kilocall", "/var/cache/kilocall"]'
    assert last["ENTRYPOINT"].startswith("[")
    assert "health.py" in last["HEALTHCHECK"]


@each_file
def test_settings_of_an_image_are_the_receivers(path: Path) -> None:
    named = {name for name in environment_of(stages(path)[-1]) if name.startswith("KILOCALL_")}
    known = {f"KILOCALL_{name.upper()}" for name in ReceiverSettings.model_fields}
    assert "KILOCALL_PORT" in named
    assert named <= known


def test_the_wheel_is_built_in_one_way() -> None:
    first, second = (stages(path)[0] for path in FILES)
    assert [(one.word, one.arguments) for one in first.instructions] == [
        (one.word, one.arguments) for one in second.instructions
    ]


def test_every_package_of_a_gpu_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = {}
    for line in (ROOT / "docker/gpu-constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, _, version = line.partition("==")
            pins[name] = version
    for wanted in map(Requirement, project["optional-dependencies"]["gpu"]):
        assert wanted.specifier.contains(pins[wanted.name]), wanted


def test_what_is_not_listed_stays_here() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if not line.startswith("#")]
    assert patterns[0] == "*"
    # Made anew by the build, and not by what happens to lie here.
    assert patterns.index("receiver/web/vendor") > patterns.index("!receiver")


async def test_health_is_told_by_exit_status_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_receiver() as receiver:
        port = receiver.url.rpartition(":")[2]
        monkeypatch.setenv("KILOCALL_PORT", port)
        assert await _health() == (0, f"http://127.0.0.1:{port}/healthz: ok\n")
    status, said = await _health()
    assert status == 1
    assert said.startswith(f"http://127.0.0.1:{port}/healthz: ")
    assert said.count("\n") == 1


async def _health() -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "docker/health.py"), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()
