"""Whether a plot that is asked for could be written."""

from importlib.util import find_spec
from pathlib import Path

from benchmarks.json_file import check_writable
from shared.errors import ConfigError


def check_plot(path: Path | None) -> None:
    """Before work that takes long. Raises ConfigError where it could not be drawn or written."""
    check_writable(path)
    if path is not None and find_spec("matplotlib") is None:
        raise ConfigError("matplotlib is not installed: pip install kilocall[bench]")
