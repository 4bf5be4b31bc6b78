"""Root folders in which an image's commands run where there is no container engine."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_CERTIFICATES_INSIDE = "/var/tmp/certificates.crt"
_FETCHING = {
    "PIP_CERT": _CERTIFICATES_INSIDE,
    "NODE_EXTRA_CA_CERTS": _CERTIFICATES_INSIDE,
    "SSL_CERT_FILE": _CERTIFICATES_INSIDE,
    "npm_config_cafile": _CERTIFICATES_INSIDE,
}
"""Whom this machine trusts may be more than whom a fresh Debian does."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def bootstrap(folder: Path, release: str) -> None:
    """A minimal Debian in `folder`. Needs root, debootstrap and a network."""
    subprocess.run(["debootstrap", "--variant=minbase", release, str(folder)], check=True)


@dataclass
class ChrootRoot:
    """One stage's file system, with what ENV and WORKDIR have said so far."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    workdir: str = "/"

    @classmethod
    def copy(cls, base: Path, folder: Path) -> "ChrootRoot":
        """A root that begins as `base`, hard to tell from a container of it."""
        subprocess.run(["cp", "--archive", str(base), str(folder)], check=True)
        shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
        shutil.copy(_CERTIFICATES, folder / _CERTIFICATES_INSIDE.lstrip("/"))
        return cls(folder)

    def inside(self, path: str) -> Path:
        """Where a path of the root, absolute or from its WORKDIR, lies outside."""
        return self.folder / os.path.join(self.workdir, path).lstrip("/")

    def run(self, command: str) -> None:
        """A RUN, as root. Raises CalledProcessError."""
        words = ["sh", "-c", command]
        environment = {**self.environment, "HOME": "/root", **_FETCHING}
        subprocess.run(self._command(words, environment), check=True)

    def start(
        self,
        words: Sequence[str],
        *,
        user: str,
        variables: Mapping[str, str],
        volumes: Mapping[str, Path],
    ) -> subprocess.Popen[bytes]:
        """A container's process: read-only root, /tmp in memory, `volumes` writable.

        It is the process that is returned, so that signals reach it.
        """
        environment = {**self.environment, **variables}
        return subprocess.Popen(
            self._command(words, environment, user=user, volumes=volumes, is_read_only=True)
        )

    def ask(self, words: Sequence[str], *, user: str, variables: Mapping[str, str]) -> int:
        """The exit status of a command beside it, its output thrown away."""
        command = self._command(words, {**self.environment, **variables}, user=user)
        return subprocess.run(command, capture_output=True, check=False).returncode

    def _command(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        *,
        user: str = "0:0",
        volumes: Mapping[str, Path] | None = None,
        is_read_only: bool = False,
    ) -> list[str]:
        root = str(self.folder)
        mounts = [["mount", "--bind", root, root]]
        if is_read_only:
            mounts.append(["mount", "-o", "remount,ro,bind", root])
            mounts.append(["mount", "-t", "tmpfs", "tmpfs", f"{root}/tmp"])
        for target, source in (volumes or {}).items():
            mounts.append(["mount", "--bind", str(source), root + target])
        mounts.append(["mount", "--rbind", "/dev", f"{root}/dev"])
        mounts.append(["mount", "-t", "proc", "proc", f"{root}/proc"])
        set_up = " && ".join(shlex.join(mount) for mount in mounts)
        variables = [f"{name}={value}" for name, value in environment.items()]
        chroot = ["chroot", f"--userspec={user}", root]
        inner = [*chroot, "env", "-i", f"--chdir={self.workdir}", *variables, *words]
        # Mounts end with the namespace, and that with its last process.
        return ["unshare", "--mount", "sh", "-c", f"{set_up} && exec {shlex.join(inner)}"]
