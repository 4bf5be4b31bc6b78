"""What a measurement was made on: it belongs beside every number that we print or keep."""

import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("aiortc", "av", "numba", "numpy", "onnxruntime", "opencv-python-headless")
"""Whose versions change times or results."""


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """Machine, code and moment of a measurement. Names no host and no user."""

    cpu: str
    """Model as the system calls it."""

    cores: int
    """That this process may use."""

    system: str
    python: str

    versions: dict[str, str]
    """Of the packages that matter; those not installed are left out."""

    commit: str
    """Of the working tree; empty outside a repository."""

    changed: bool
    """Whether tracked files differed from the commit."""

    date: str
    """UTC, ISO 8601, to the second."""

    def as_json(self) -> dict[str, object]:
        """For `json.dump`."""
        return asdict(self)


def machine_facts() -> MachineFacts:
    """The facts of this machine, this working tree and now."""
    return MachineFacts(
        cpu=_cpu_model(),
        cores=usable_cores(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions=_versions(),
        commit=_git("rev-parse", "--short=12", "HEAD"),
        changed=bool(_git("status", "--porcelain", "--untracked-files=no")),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _cpu_model() -> str:
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string")
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def usable_cores() -> int:
    """That this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git(*arguments: str) -> str:
    return _output("git", "-C", str(Path(__file__).parent), *arguments)


def _output(*command: str) -> str:
    """What a command prints, "" where it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
