"""A byte-wise range coder over 15-bit integer tables of signed integers.

Every quantity is an unsigned integer below 2^53, most below 2^32, and no float decides a
symbol, so that a port to JavaScript writes the same bytes. Library coders flush whole 32-bit
words, which costs a quarter of messages this small; this one ends with the fewest bytes that
decode alike (the decoder reads zeros behind the end).

Carry handling: bytes already written are incremented, cheaper to state than the delayed cache
of LZMA's coder and as fast, because messages are a few dozen bytes long.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from shared.errors import BitstreamError
from shared.frame_kernels import OUTSIDE, RANGE_MIN, READ, TABLE_BITS, TOO_LONG

TABLE_TOTAL = 1 << TABLE_BITS

_RANGE_MAX = 0xFFFFFFFF
_MASK_32 = 0xFFFFFFFF

_OUTSIDE_TABLE = "range-coded bytes outside the table"


class RangeEncoder:
    """Symbols to bytes."""

    def __init__(self) -> None:
        self._low = 0
        self._range = _RANGE_MAX
        self._bytes = bytearray()

    def encode(self, start: int, frequency: int) -> None:
        """Encode the symbol that owns [start, start + frequency) of TABLE_TOTAL."""
        unit = self._range >> TABLE_BITS
        self._low += unit * start
        self._range = unit * frequency
        if self._range < RANGE_MIN:
            self._normalize()

    def encode_bits(self, value: int, count: int) -> None:
        """Encode the low `count` bits of `value` as they are.

        In chunks of at most 16, which the decoder must ask for alike: 2 times 1 is not 1 time 2.
        """
        while count > 0:
            chunk = min(count, 16)
            count -= chunk
            self._range >>= chunk
            self._low += self._range * (value >> count & (1 << chunk) - 1)
            self._normalize()

    def encode_gamma(self, value: int) -> None:
        """Encode a positive integer by Elias' gamma code."""
        length = value.bit_length()
        for _ in range(length - 1):
            self.encode_bits(0, 1)
        self.encode_bits(1, 1)
        self.encode_bits(value, length - 1)

    def finish(self) -> bytes:
        """The shortest bytes that decode to the symbols, given zeros behind the end."""
        low, top = self._low, self._low + self._range
        for byte_count in range(5):
            mask = (1 << 32 - 8 * byte_count) - 1
            shortest = (low + mask) & ~mask
            if shortest < top:
                self._append(shortest, byte_count)
                break
        return bytes(self._bytes).rstrip(b"\0")

    def _normalize(self) -> None:
        while self._range < RANGE_MIN:
            self._append(self._low, 1)
            self._low = self._low << 8 & _MASK_32
            self._range <<= 8

    def _append(self, low: int, byte_count: int) -> None:
        """Append the first bytes of the 32-bit `low`, bit 32 being a carry into those before."""
        if low > _MASK_32:
            index = len(self._bytes) - 1
            while self._bytes[index] == 0xFF:
                self._bytes[index] = 0
                index -= 1
            self._bytes[index] += 1
            low &= _MASK_32
        self._bytes += low.to_bytes(4, "big")[:byte_count]


class RangeDecoder:
    """Bytes to symbols; the mirror image of RangeEncoder."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        """All of them."""
        self._position = 4
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._range = _RANGE_MAX

    @property
    def at(self) -> tuple[int, int, int]:
        """Position in the bytes, code and range: from where `shared.frame_kernels` reads on."""
        return self._position, self._code, self._range

    def go_on(self, position: int, code: int, span: int, end: int, found: int, most: int) -> None:
        """Read on where `shared.frame_kernels` ended.

        Raises BitstreamError when that was at bytes that no encoder writes.
        """
        if end == OUTSIDE:
            raise BitstreamError(_OUTSIDE_TABLE)
        if end == TOO_LONG:
            raise _too_long(found, most)
        if end != READ:
            raise _too_large(found, most)
        self._position, self._code, self._range = position, code, span

    def decode(self, starts: tuple[int, ...]) -> int:
        """Index of the next symbol in the table whose symbols begin at `starts`.

        Raises BitstreamError for bytes that no encoder writes.
        """
        unit = self._range >> TABLE_BITS
        target = self._code // unit
        if target >= TABLE_TOTAL:
            raise BitstreamError(_OUTSIDE_TABLE)
        index = bisect_right(starts, target) - 1
        start = starts[index]
        self._code -= unit * start
        self._range = unit * (starts[index + 1] - start)
        if self._range < RANGE_MIN:
            self._normalize()
        return index

    def decode_bits(self, count: int) -> int:
        """The next `count` bits.

        Raises BitstreamError for bytes that no encoder writes.
        """
        value = 0
        while count > 0:
            chunk = min(count, 16)
            count -= chunk
            self._range >>= chunk
            bits = self._code // self._range
            if bits >> chunk:
                raise BitstreamError(_OUTSIDE_TABLE)
            self._code -= self._range * bits
            self._normalize()
            value = value << chunk | bits
        return value

    def decode_gamma(self, largest: int) -> int:
        """The next Elias gamma code, in [1, largest].

        Raises BitstreamError for a larger one.
        """
        length = 1
        while not self.decode_bits(1):
            length += 1
            if length > largest.bit_length():
                raise _too_long(length - 1, largest)
        value = 1 << length - 1 | self.decode_bits(length - 1)
        if value > largest:
            raise _too_large(value, largest)
        return value

    def finish(self) -> None:
        """Raises BitstreamError when bytes are left that no symbol needed."""
        if len(self.data) > self._position:
            raise BitstreamError(f"{len(self.data) - self._position} bytes left after the symbols")

    def _normalize(self) -> None:
        while self._range < RANGE_MIN:
            byte = self.data[self._position] if self._position < len(self.data) else 0
            self._position += 1
            self._code = self._code << 8 | byte
            self._range <<= 8


def _too_long(bits: int, most: int) -> BitstreamError:
    return BitstreamError(f"a number of over {bits} bits, {most} is allowed")


def _too_large(number: int, most: int) -> BitstreamError:
    return BitstreamError(f"number {number}, at most {most} is allowed")


def frequencies_of(weights: Sequence[int]) -> list[int]:
    """In proportion to `weights` (>= 0), each >= 1, together TABLE_TOTAL; integers only."""
    total = sum(weights)
    spread = TABLE_TOTAL - len(weights)
    frequencies = [1 + weight * spread // total for weight in weights]
    likeliest = max(range(len(weights)), key=weights.__getitem__)
    frequencies[likeliest] += TABLE_TOTAL - sum(frequencies)
    return frequencies


def starts_of(frequencies: Sequence[int]) -> tuple[int, ...]:
    """Where the symbols of these frequencies begin in TABLE_TOTAL, and TABLE_TOTAL."""
    starts = (0, *accumulate(frequencies))
    assert starts[-1] == TABLE_TOTAL
    assert min(frequencies) >= 1
    return starts


@dataclass(frozen=True, slots=True)
class SignedTable:
    """Signed integers near 0 by their frequencies; larger ones by an escape."""

    largest: int
    """Values in [-largest, largest] have symbols of their own; the symbol behind is the escape."""

    starts: tuple[int, ...]
    """Cumulative frequencies, 2 * largest + 3 of them, from 0 to TABLE_TOTAL."""

    @classmethod
    def from_frequencies(cls, frequencies: Sequence[int]) -> "SignedTable":
        """Of -largest .. largest, then of the escape; each >= 1, together TABLE_TOTAL."""
        return cls(largest=(len(frequencies) - 2) // 2, starts=starts_of(frequencies))

    @classmethod
    def laplace(cls, ratio: int) -> "SignedTable":
        """Two-sided geometric: P(v + 1) / P(v) for v >= 0 is `ratio` / 2^16; in (0, 1)."""
        weights = [1 << 24]
        while len(weights) < 2 or weights[-1] > weights[0] >> 8:
            weights.append(weights[-1] * ratio >> 16)
        escape = 2 * (weights[-1] * ratio // ((1 << 16) - ratio))
        return cls.from_frequencies(frequencies_of([*weights[:0:-1], *weights, escape]))

    def encode(self, encoder: RangeEncoder, value: int) -> None:
        """Encode `value`, of any magnitude that the decoder's limit allows."""
        starts = self.starts
        if -self.largest <= value <= self.largest:
            index = value + self.largest
            encoder.encode(starts[index], starts[index + 1] - starts[index])
            return
        encoder.encode(starts[-2], starts[-1] - starts[-2])
        encoder.encode_bits(value < 0, 1)
        encoder.encode_gamma(abs(value) - self.largest)

    def decode(self, decoder: RangeDecoder, limit: int) -> int:
        """The next value, in [-limit, limit].

        Raises BitstreamError for one beyond.
        """
        value = decoder.decode(self.starts) - self.largest
        if value <= self.largest:
            return value
        negative = decoder.decode_bits(1)
        magnitude = self.largest + decoder.decode_gamma(limit - self.largest)
        return -magnitude if negative else magnitude

    def cost(self, value: int) -> int:
        """Length of a value in 1/64 bits, rounded up; integers only."""
        magnitude = abs(value)
        index = (value if magnitude <= self.largest else self.largest + 1) + self.largest
        frequency = self.starts[index + 1] - self.starts[index]
        # floor(64 log2 f) is the bit length of f^64 less one.
        cost = 64 * TABLE_BITS - ((frequency**64).bit_length() - 1)
        if magnitude > self.largest:
            cost += 64 * (1 + 2 * (magnitude - self.largest).bit_length() - 1)
        return cost


_RATIOS = (
    1200, 3874, 8869, 15933, 24109, 32314, 39750, 46019, 51039,
    54917, 57835, 59992, 61565, 62703, 63520, 64104, 64520, 64816,
)  # fmt: skip
"""round(2^16 exp(-1 / b)) for scales b of 2^(i/2 - 2) symbols."""

LAPLACE_TABLES: tuple[SignedTable, ...] = tuple(map(SignedTable.laplace, _RATIOS))
"""By scale in half octaves: mean |v| about 0.04 (index 0) to 90 (index 17)."""
