"""The trained integers of the parameter codec, from `assets/parameter_codec.json`.

Part of the bitstream version: sender and receiver must hold equal ones. `python -m export
codec-tables` writes the file; `shared.symbol_model` says what the weights mean.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.entropy import SignedTable
from shared.errors import ArtifactError

BITSTREAM_VERSION = 2
"""Of header, tables and steps together: any change of output bytes raises it."""

TABLES_PATH = Path(__file__).parent / "assets" / "parameter_codec.json"

GAP_LIMITS_MS = (24, 34, 48, 68, 96, 136, 192, 272, 384, 543, 768)
"""A class of gaps (half octaves around 20, 28, 40 ... 905 ms) ends before its limit."""

_GAP_NORMS = (362, 304, 256, 215, 181, 152, 128, 108, 91, 76, 64, 54)
"""256 sqrt(40 ms / gap) by class: what a residual would have been after 40 ms."""

LOGARITHMS = (0, *((number**16).bit_length() - 1 for number in range(1, 4096)))
"""floor(16 log2 n)."""


def log2_16(number: int) -> int:
    """The logarithm of a positive integer in 1/16 octaves, rounded down beyond 12 bits too."""
    shift = max(number.bit_length() - 12, 0)
    return LOGARITHMS[number >> shift] + 16 * shift


@dataclass(frozen=True, slots=True, eq=False)
class GapWeights:
    """The weights of one class of gaps, (SYMBOL_COUNT,) each; see `shared.symbol_model`."""

    velocity: NDArray[np.int64]
    shrink: NDArray[np.int64]
    bias: NDArray[np.int64]
    """At the standard precision."""

    scale: tuple[tuple[int, ...], ...]
    """By precision."""

    activity: tuple[int, ...]
    spread: tuple[int, ...]
    cross: tuple[tuple[tuple[int, int], ...], ...]
    """By settled parameter: (a later one, its weight in 1/1024)."""


@dataclass(frozen=True, slots=True)
class PricedTable:
    """A table and what its values cost."""

    table: SignedTable
    costs: tuple[int, ...]
    """Of -largest .. largest, in 1/64 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class CodecTables:
    """All that was trained."""

    order: tuple[int, ...]
    """Parameters in the order of coding."""

    intra: GapWeights
    predicted: tuple[GapWeights, ...]
    """By class of gaps."""

    start_activity: NDArray[np.int64]
    """(SYMBOL_COUNT,) after an intra frame of the standard precision."""

    tables: tuple[tuple[PricedTable, ...], ...]
    """By scale index and by distance of the place from an integer, in quarters: 0, 1, 2."""

    feedback: tuple[tuple[tuple[int, float], ...], ...]
    """By parameter: (a later one, by how many of its steps one step of error here is undone)."""

    error_prices: tuple[float, ...]
    """By parameter: 1/64 bits that the square of an error of one step is worth."""

    @staticmethod
    def gap_class(interval_ms: int) -> int:
        """Index of `predicted` for a frame this much later than the one it is predicted from."""
        return bisect_right(GAP_LIMITS_MS, interval_ms)

    @staticmethod
    def gap_norm(interval_ms: int) -> int:
        """256 for 40 ms, less for longer gaps."""
        return _GAP_NORMS[CodecTables.gap_class(interval_ms)]


def read_codec_tables(path: Path = TABLES_PATH) -> CodecTables:
    """Load the trained tables. Raises ArtifactError for a file that holds none of this version."""
    try:
        fields = json.loads(path.read_text())
        version = fields["version"]
        if version != BITSTREAM_VERSION:
            raise ArtifactError(
                f"{path.name}: codec tables of version {version}, {BITSTREAM_VERSION} is expected"
            )
        return tables_from_fields(fields)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ArtifactError(f"{path}: no codec tables ({error})") from error


def tables_from_fields(fields: Mapping[str, Any]) -> CodecTables:
    """From the file's JSON object."""
    return CodecTables(
        order=tuple(fields["order"]),
        intra=_weights(fields["intra"], 0),
        predicted=tuple(
            _weights(fields["predicted"], index) for index in range(len(GAP_LIMITS_MS) + 1)
        ),
        start_activity=np.array(fields["start_activity"], np.int64),
        tables=tuple(tuple(_priced(row) for row in rows) for rows in fields["tables"]),
        feedback=_sparse(fields["feedback"]),
        error_prices=tuple(fields["error_prices"]),
    )


def _weights(fields: Mapping[str, Any], index: int) -> GapWeights:
    scale = fields["scale"][index]
    return GapWeights(
        velocity=np.array(fields["velocity"][index], np.int64),
        shrink=np.array(fields["shrink"][index], np.int64),
        bias=np.array(fields["bias"][index], np.int64),
        scale=tuple(
            tuple(here + there for here, there in zip(scale, row, strict=True))
            for row in fields["precision_scale"]
        ),
        activity=tuple(fields["activity"]),
        spread=tuple(fields["spread"]),
        cross=_sparse(fields["cross"]),
    )


def _sparse(rows: Sequence[Sequence[Sequence[Any]]]) -> tuple[tuple[tuple[int, Any], ...], ...]:
    return tuple(tuple((int(index), weight) for index, weight in row) for row in rows)


def _priced(frequencies: Sequence[int]) -> PricedTable:
    table = SignedTable.from_frequencies(frequencies)
    costs = tuple(table.cost(value) for value in range(-table.largest, table.largest + 1))
    return PricedTable(table, costs)


CODEC_TABLES = read_codec_tables()
