"""Sub-commands run by others, each in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence


def why_it_failed(
    arguments: Sequence[str],
    *,
    timeout_seconds: float,
    environment: Mapping[str, str] | None = None,
) -> str | None:
    """Run `python -m benchmarks ARGUMENTS`; None when it ended well, else one line.

    `environment` is added to this process's own.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", *arguments],
            env=os.environ | (environment or {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired:
        return f"not over after {timeout_seconds:.0f} s"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return f"status {done.returncode}: {lines[-1] if lines else 'without a word'}"
