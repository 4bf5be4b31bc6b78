"""The range coder: exact, short, and safe against any bytes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.entropy import (
    LAPLACE_TABLES,
    TABLE_TOTAL,
    RangeDecoder,
    RangeEncoder,
    SignedTable,
)
from shared.errors import BitstreamError

_LIMIT = 1 << 16
_LARGEST = [2, 2, 3, 4, 6, 8, 12, 16, 23, 32, 45, 63, 89, 126, 178, 251, 355, 502]
_SUMS = [
    589189,
    587539,
    976837,
    1459717,
    2720515,
    4355712,
    8808343,
    14758192,
    28925201,
    54005122,
    103975189,
    199857210,
    393312230,
    780477198,
    1546406812,
    3058764121,
    6095086503,
    12155565372,
]


@pytest.mark.parametrize("table", LAPLACE_TABLES)
def test_tables_are_complete_and_symmetric(table: SignedTable) -> None:
    starts = table.starts
    assert starts[0] == 0
    assert starts[-1] == TABLE_TOTAL
    frequencies = [after - before for before, after in pairwise(starts)]
    assert min(frequencies) >= 1
    assert frequencies[:-1] == frequencies[-2::-1]
    assert max(frequencies) == frequencies[table.largest]


def test_tables_are_these_integers() -> None:
    """Part of the bitstream: a port compares these sums."""
    sums = [sum(i * start for i, start in enumerate(t.starts)) for t in LAPLACE_TABLES]
    largest = [table.largest for table in LAPLACE_TABLES]
    assert largest == _LARGEST
    assert sums == _SUMS


_OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, len(LAPLACE_TABLES) - 1), st.integers(-_LIMIT, _LIMIT)),
        st.tuples(st.integers(0, len(LAPLACE_TABLES) - 1), st.integers(-3, 3)),
        st.tuples(st.integers(-32, -1), st.integers(0, 2**32 - 1)),
        st.tuples(st.just(100), st.integers(1, _LIMIT)),
    ),
    max_size=80,
)


@settings(deadline=None, max_examples=150)
@given(_OPERATIONS)
def test_what_goes_in_comes_out(operations: list[tuple[int, int]]) -> None:
    """Laplace symbols (kind is the table), bits (kind is minus their count), gamma codes (100)."""
    encoder = RangeEncoder()
    for kind, value in operations:
        if kind == 100:
            encoder.encode_gamma(value)
        elif kind < 0:
            encoder.encode_bits(value & (1 << -kind) - 1, -kind)
        else:
            LAPLACE_TABLES[kind].encode(encoder, value)
    data = encoder.finish()
    assert not data.endswith(b"\0")
    decoder = RangeDecoder(data)
    for kind, value in operations:
        if kind == 100:
            assert decoder.decode_gamma(_LIMIT) == value
        elif kind < 0:
            assert decoder.decode_bits(-kind) == value & (1 << -kind) - 1
        else:
            assert LAPLACE_TABLES[kind].decode(decoder, 2 * _LIMIT) == value
    decoder.finish()


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=64))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    decoder = RangeDecoder(data)
    try:
        for table in LAPLACE_TABLES:
            assert abs(table.decode(decoder, _LIMIT)) <= max(_LIMIT, table.largest)
        decoder.decode_gamma(63)
        decoder.decode_bits(32)
        decoder.finish()
    except BitstreamError:
        pass


def test_length_is_near_the_entropy() -> None:
    encoder = RangeEncoder()
    values = [(i * 7919) % 5 - 2 for i in range(400)]
    table = LAPLACE_TABLES[5]
    for value in values:
        table.encode(encoder, value)
    bits = sum(table.cost(abs(value)) for value in values) / 64
    assert abs(8 * len(encoder.finish()) - bits) < 0.01 * bits + 8


def test_carry_runs_through_finished_bytes() -> None:
    """A message whose low end sits just under a power of 256 for many bytes."""
    for tail in range(1, 200):
        encoder = RangeEncoder()
        for _ in range(12):
            encoder.encode_bits(0xFF, 8)
        encoder.encode(TABLE_TOTAL - 1, 1)
        encoder.encode_bits(tail, 8)
        decoder = RangeDecoder(encoder.finish())
        assert [decoder.decode_bits(8) for _ in range(12)] == [0xFF] * 12
        assert decoder.decode((0, TABLE_TOTAL - 1, TABLE_TOTAL)) == 1
        assert decoder.decode_bits(8) == tail


def test_bytes_left_over_are_refused() -> None:
    decoder = RangeDecoder(b"\x01" * 9)
    decoder.decode_bits(8)
    with pytest.raises(BitstreamError, match=r"^4 bytes left after the symbols$"):
        decoder.finish()
