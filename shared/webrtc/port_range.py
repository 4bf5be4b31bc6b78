"""A range of UDP ports, as a firewall's rule names it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from shared.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports from `first` to `last`, both in it."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From FIRST-LAST. Raises ConfigError for anything but 1024 <= FIRST <= LAST <= 65535."""
        match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", text)
        if match is not None:
            first, last = int(match[1]), int(match[2])
            if 1024 <= first <= last <= 65535:
                return cls(first, last)
        raise ConfigError(
            f"UDP ports {text[:40]!r}, FIRST-LAST from 1024 to 65535 are allowed: 40000-40999"
        )

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.last + 1))

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"
