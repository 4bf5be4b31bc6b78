"""Whether figures are still where committed ones say that they are. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.figures import Figure

MARGINS = {
    "psnr_db": 0.01,
    "l1": 0.02,
    "csim": 0.02,
    "akd_px": 0.08,
    "sharpness": 0.03,
    "flicker": 0.05,
    "error_px": 0.03,
    "jitter_px": 0.1,
    "predicted_bytes": 0.02,
    "intra_bytes": 0.02,
    "payload_bps": 0.05,
    "wire_bps_forward": 0.1,
    "wire_bps_reverse": 0.3,
    "references": 0.3,
    "fit_over_track": 1.0,
    "warp_over_track": 0.75,
    "lite_over_track": 0.75,
}
"""How far beyond the spread of the committed runs, as a share of their nearest value, by what ends
a figure's name. Qualities and bytes hardly change; rates of a short call depend on where it is
cut; ratios of times differ between processors by about a half."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure, now and then."""

    name: str
    now: float | None
    least: float
    most: float
    """Allowed, margin included."""

    @property
    def holds(self) -> bool:
        """False also for what is no longer measured."""
        return self.now is not None and self.least <= self.now <= self.most


def compare(now: Mapping[str, Figure], then: Mapping[str, Figure]) -> list[Comparison]:
    """All committed figures that have a margin, in their order."""
    found = []
    for name, figure in then.items():
        margin = MARGINS.get(name.rpartition("/")[2])
        values = [value for value in figure.values if value is not None]
        if margin is None or not values:
            continue
        low, high = min(values), max(values)
        found.append(
            Comparison(
                name=name,
                now=now[name].median if name in now else None,
                least=low - margin * abs(low),
                most=high + margin * abs(high),
            )
        )
    return found
