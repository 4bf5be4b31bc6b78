"""Run docker/receiver-cpu.Dockerfile in chroots: every RUN, then the entry point as Compose does.

    sudo .venv/bin/python -m tests.chroot_check [FOLDER]

For machines without a container engine. Needs root, debootstrap, a network, 5 GB in FOLDER (a new
one under /tmp) and some minutes. What it cannot show: the registry's base image itself (Debian's
own bootstrap stands in), layers, HEALTHCHECK's timing, capabilities and limits of memory.
"""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.request import urlopen

from tests.chroot_root import ChrootRoot, bootstrap
from tests.compose_file import filled, services, settled
from tests.dockerfile import Stage, copy_of, environment_of, stages

ROOT = Path(__file__).parent.parent
DOCKERFILE = ROOT / "docker/receiver-cpu.Dockerfile"
SERVICE = "receiver-cpu"
RELEASE = "bookworm"
START_SECONDS = 300
PAGES = ("/", "/healthz", "/metrics", "/vendor/onnxruntime-web/ort.wasm.min.mjs")


def main() -> None:
    """Build, start twice, end in order; raises at the first thing that fails."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="kilocall-image-"))
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / "base"
    if not base.exists():
        with _Timed(f"debootstrap {RELEASE}"):
            bootstrap(base, RELEASE)
    built: dict[str, ChrootRoot] = {}
    image = None
    for number, stage in enumerate(stages(DOCKERFILE)):
        target = folder / f"stage{number}"
        if target.exists():
            shutil.rmtree(target)
        image = ChrootRoot.copy(base, target)
        _build(image, stage, built)
        built[stage.name or str(number)] = image
    assert image is not None
    final = stages(DOCKERFILE)[-1]
    _say(f"image with its base: {_mib(image.folder)} MiB, base alone: {_mib(base)} MiB")
    volumes = _volumes(final, folder)
    for name in ("first", "second"):
        _start(image, final, volumes, name)
    _say(f"volume of caches: {_mib(volumes['/var/cache/kilocall'])} MiB")


def _build(root: ChrootRoot, stage: Stage, built: Mapping[str, ChrootRoot]) -> None:
    for one in stage.instructions:
        if one.word == "RUN":
            with _Timed(f"line {one.line}: RUN {one.arguments[:60]} ..."):
                root.run(one.arguments)
        elif one.word == "WORKDIR":
            root.workdir = one.arguments
            root.inside(".").mkdir(parents=True, exist_ok=True)
        elif one.word == "ENV":
            path = root.environment["PATH"]
            for name, value in environment_of(Stage("", None, (one,))).items():
                root.environment[name] = value.replace("$PATH", path)
        elif one.word == "COPY":
            copy = copy_of(one)
            for source in copy.sources:
                here = ROOT if copy.stage is None else built[copy.stage].folder
                _copy(here / source.lstrip("/"), root, copy.target, is_ours=copy.stage is None)


def _copy(source: Path, root: ChrootRoot, target: str, *, is_ours: bool) -> None:
    """As COPY does; .dockerignore leaves of our own folders what git would track."""
    to = root.inside(target)
    if source.is_dir() and is_ours:
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "."]
        names = subprocess.run(listed, cwd=source, check=True, capture_output=True, text=True)
        for name in filter(None, names.stdout.split("\0")):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, to / name)
    elif source.is_dir():
        to.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "--archive", str(source), str(to)], check=True)
    else:
        into = to if target.endswith("/") else to.parent
        into.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, into / source.name if target.endswith(("/", ".")) else to)


def _volumes(stage: Stage, folder: Path) -> dict[str, Path]:
    """Fresh ones, with the owner that a named volume takes from the image."""
    user = int(_value(stage, "USER").partition(":")[0])
    volumes = {}
    for path in json.loads(_value(stage, "VOLUME")):
        source = folder / f"volume{path.replace('/', '-')}"
        if source.exists():
            shutil.rmtree(source)
        source.mkdir(mode=0o700)
        shutil.chown(source, user, user)
        volumes[path] = source
    return volumes


def _start(root: ChrootRoot, stage: Stage, volumes: Mapping[str, Path], name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    told = services()[SERVICE]["environment"]
    variables = {key: filled(value, settled()) for key, value in told.items()}
    variables["KILOCALL_PORT"] = str(port)
    health = _value(stage, "HEALTHCHECK").partition("CMD ")[2]
    user = _value(stage, "USER")
    begun = time.monotonic()
    words = json.loads(_value(stage, "ENTRYPOINT"))
    process = root.start(words, user=user, variables=variables, volumes=volumes)
    try:
        while root.ask(json.loads(health), user=user, variables=variables) != 0:
            if process.poll() is not None or time.monotonic() - begun > START_SECONDS:
                raise RuntimeError(f"{name} start: no health, exit status {process.poll()}")
            time.sleep(0.2)
        _say(f"{name} start: healthy after {time.monotonic() - begun:.1f} s")
        for page in PAGES:
            with urlopen(f"http://127.0.0.1:{port}{page}", timeout=10) as answer:
                _say(f"  {page}: {answer.status}, {len(answer.read())} bytes")
        mounts = Path(f"/proc/{process.pid}/mountinfo").read_text().splitlines()
        (options,) = (line.split()[5] for line in mounts if line.split()[4] == "/")
        if "ro" not in options.split(","):
            raise RuntimeError(f"the root is mounted {options}, read-only is meant")
        status = Path(f"/proc/{process.pid}/status").read_text()
        for line in status.splitlines():
            if line.startswith(("Uid", "VmRSS")):
                _say(f"  {line.expandtabs(1)}")
        if root.ask(["python", "-m", "receiver", "invite"], user=user, variables=variables) != 0:
            raise RuntimeError("python -m receiver invite failed")
        process.send_signal(signal.SIGTERM)
        if process.wait(15) != 0:
            raise RuntimeError(f"SIGTERM ended it with status {process.returncode}")
        _say("  SIGTERM: exit status 0")
    finally:
        if process.poll() is None:
            process.kill()


def _value(stage: Stage, word: str) -> str:
    return next(one.arguments for one in reversed(stage.instructions) if one.word == word)


def _mib(folder: Path) -> int:
    command = ["du", "--summarize", "--block-size=1M", "--one-file-system", str(folder)]
    return int(subprocess.run(command, check=True, capture_output=True).stdout.split()[0])


class _Timed:
    """Says how long the block took."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        self._begun = time.monotonic()

    def __exit__(self, *failure: object) -> None:
        _say(f"{time.monotonic() - self._begun:6.1f} s  {self._what}")


def _say(line: str) -> None:
    print(f"chroot check: {line}", flush=True)


if __name__ == "__main__":
    main()
