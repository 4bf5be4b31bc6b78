"""What of a quality run others quote: means over clips, by references and generator."""

from collections.abc import Mapping
from typing import Any

from benchmarks.figures import Figure, shown
from benchmarks.result_table import ResultTable

PORTABLE = frozenset(
    (
        *("l1", "psnr_db", "ssim", "ms_ssim", "csim", "akd_px", "aed", "apd_deg"),
        *("sharpness", "flicker", "beside_share"),
    )
)

_REFERENCES = {"first": "first frame as reference", "policy": "the sender's own references"}
_CROSS = "cross"


def quality_figures(content: Mapping[str, Any]) -> dict[str, float | None]:
    """Of a report as JSON."""
    found: dict[str, float | None] = {}
    for kind, rows in (("self", content["means"]), (_CROSS, content["cross_means"])):
        for row in rows:
            for name, value in row["scores"].items():
                found[f"quality/{kind}/{row['references']}/{row['generator']}/{name}"] = value
    return found


def quality_tables(figures: Mapping[str, Figure]) -> list[ResultTable]:
    """One of each person moved by themselves, one of persons moved by others."""
    tables = []
    columns: tuple[str, ...]
    own = _rows(figures, "self", (("psnr_db", 2), ("l1", 1), ("ms_ssim", 3), ("csim", 3)))
    if own:
        columns = ("", "PSNR, dB", "L1", "MS-SSIM", "CSIM", "AKD, px", "sharpness", "flicker")
        further = _rows(figures, "self", (("akd_px", 2), ("sharpness", 2), ("flicker", 2)))
        rows = [(*row, *more[1:]) for row, more in zip(own, further, strict=True)]
        tables.append(ResultTable("Quality: means over clips", columns, tuple(rows)))
    crossed = _rows(figures, _CROSS, (("csim", 3), ("aed", 3), ("apd_deg", 2)))
    if crossed:
        columns = ("one person moved by another", "CSIM to the reference", "AED", "APD, degrees")
        tables.append(ResultTable("Quality: cross-reenactment", columns, tuple(crossed)))
    return tables


def _rows(
    figures: Mapping[str, Figure], kind: str, measures: tuple[tuple[str, int], ...]
) -> list[tuple[str, ...]]:
    keys = dict.fromkeys(
        tuple(name.split("/")[2:4]) for name in figures if name.startswith(f"quality/{kind}/")
    )
    return [
        (
            f"{_REFERENCES.get(references, references)}: {generator}",
            *(
                shown(figures, f"quality/{kind}/{references}/{generator}/{measure}", decimals)
                for measure, decimals in measures
            ),
        )
        for references, generator in keys
    ]
