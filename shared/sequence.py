"""Serial numbers that wrap (RFC 1982)."""


def sequence_difference(later: int, earlier: int, bits: int = 16) -> int:
    """later - earlier in [-2^(bits-1), 2^(bits-1)), right across the wrap."""
    half = 1 << (bits - 1)
    return (later - earlier + half) % (1 << bits) - half


def sequence_add(number: int, increment: int, bits: int = 16) -> int:
    """number + increment modulo 2^bits; the increment may be negative."""
    return (number + increment) % (1 << bits)


def extend_sequence(number: int, nearest: int, bits: int = 16) -> int:
    """The unbounded number congruent to `number` modulo 2^bits that lies nearest to `nearest`."""
    return nearest + sequence_difference(number, nearest, bits)
