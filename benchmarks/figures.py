"""Figures: the numbers of a benchmark that others quote, each measured more than once.

A result file holds them by name beside its details. The name says what and where, and ends in
the unit, as in `latency/sender/lite/idle/p95_ms`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from shared.errors import ArtifactError


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, as every run of a benchmark found it."""

    values: tuple[float | None, ...]
    """One a run, in the unit that ends the name; None where a run could not measure it."""

    portable: bool = False
    """Whether another machine must find about the same: a ratio within a run, a quality, a count
    of bytes. Times and rates of pictures are not."""

    why: str | None = None
    """What kept a run from measuring it."""

    @property
    def median(self) -> float | None:
        """Of the runs that measured it; None for none."""
        found = self._found
        return median(found) if found else None

    @property
    def spread(self) -> float | None:
        """Largest minus smallest; None for fewer than two runs that measured it."""
        found = self._found
        return max(found) - min(found) if len(found) > 1 else None

    @property
    def _found(self) -> list[float]:
        return [value for value in self.values if value is not None]

    def as_json(self) -> dict[str, object]:
        """For `json.dump`; median and spread are there for readers, `parse` makes its own."""
        return {
            "values": list(self.values),
            "median": self.median,
            "spread": self.spread,
            "portable": self.portable,
            "why": self.why,
        }

    @classmethod
    def parse(cls, name: str, content: object) -> "Figure":
        """The other way. Raises ArtifactError."""
        match content:
            case {"values": [*values], "portable": bool(portable), "why": str() | None as why}:
                if values and all(value is None or _is_number(value) for value in values):
                    return cls(tuple(values), portable, why)
        raise ArtifactError(f"figure {name}: no list of numbers with `portable` and `why`")


def gather(
    runs: Sequence[Mapping[str, float | None]],
    *,
    portable: frozenset[str] = frozenset(),
    why: Mapping[str, str] | None = None,
) -> dict[str, Figure]:
    """Figures from what each run found, by name; a name that a run lacks counts as None.

    `portable`: ends of names, after the last "/", whose figures are. `why`: by name.
    """
    names = dict.fromkeys(name for run in runs for name in run)
    return {
        name: Figure(
            values=tuple(run.get(name) for run in runs),
            portable=name.rpartition("/")[2] in portable,
            why=(why or {}).get(name),
        )
        for name in names
    }


def shown(
    figures: Mapping[str, Figure],
    name: str,
    decimals: int = 0,
    *,
    per: float = 1.0,
    signed: bool = False,
) -> str:
    """The median of a figure, divided by `per`, as tables show it; "-" where there is none.

    Where runs differ by as much as the last digit shown, half their spread stands behind it.
    """
    figure = figures.get(name)
    if figure is None or figure.median is None:
        return "-"
    text = f"{figure.median / per:{'+' if signed else ''}.{decimals}f}"
    half = (figure.spread or 0.0) / per / 2
    return f"{text} ±{half:.{decimals}f}" if round(half, decimals) else text


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
