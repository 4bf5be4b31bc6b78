"""JSON files that benchmarks write: valid JSON, whatever could not be measured."""

import json
import math
from pathlib import Path

from shared.errors import ConfigError


def check_writable(path: Path | None) -> None:
    """Before work that takes long. Raises ConfigError when the file could not be written."""
    if path is None:
        return
    is_new = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    if is_new:
        path.unlink()


def write_json(path: Path, content: object) -> None:
    """Write `content`; numbers that are not finite become null, for which JSON has no others."""
    text = json.dumps(_finite(content), indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_number(found: float | None) -> float:
    """A number that `write_json` wrote; NaN where it was not finite."""
    return math.nan if found is None else found


def _finite(content: object) -> object:
    match content:
        case float():
            return content if math.isfinite(content) else None
        case dict():
            return {key: _finite(value) for key, value in content.items()}
        case list() | tuple():
            return [_finite(value) for value in content]
    return content
