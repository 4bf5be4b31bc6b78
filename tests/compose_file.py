"""docker/compose.yaml as Compose reads it, for tests: merged, and with variables filled in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent.parent / "docker"
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_0-9]+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Variable:
    """One ${NAME}, ${NAME:-DEFAULT} or ${NAME:?}."""

    name: str
    default: str | None
    """None: it must be given."""


def services() -> dict[str, dict[str, Any]]:
    """By name, as written."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(text())["services"]
    return found


def text() -> str:
    return (FOLDER / "compose.yaml").read_text()


def variables() -> set[Variable]:
    """What the file asks the environment for."""
    return {
        Variable(match["name"], match["rest"] if match["kind"] == "-" else None)
        for match in _VARIABLE.finditer(text())
    }


def filled(value: str, environment: Mapping[str, str]) -> str:
    """A value of the file. Raises KeyError for a variable that is needed and empty."""

    def fill(match: re.Match[str]) -> str:
        given = environment.get(match["name"], "")
        if not given and match["kind"] != "-":
            raise KeyError(match["name"])
        return given or match["rest"]

    return _VARIABLE.sub(fill, value)


def example() -> dict[str, str]:
    """docker/.env.example."""
    lines = (FOLDER / ".env.example").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def settled() -> dict[str, str]:
    """The example with its secrets filled in."""
    return {name: value or secret(name) for name, value in example().items()}


def secret(name: str) -> str:
    return f"{name.lower()}-for-tests-that-nobody-else-knows" if _is_secret(name) else ""


def _is_secret(name: str) -> bool:
    return name.endswith(("_SECRET", "_PASSWORD"))
