"""Sizes of `lite`."""

from dataclasses import dataclass

from shared.channel import ALL_CHANNELS, Channel


@dataclass(frozen=True, slots=True)
class LiteConfig:
    """Sizes; the defaults are what is shipped."""

    condition_size: int = 128
    """128 resolves an iris into a few cells; 64 does not, and costs 0.2 ms less."""

    channels: tuple[Channel, ...] = ALL_CHANNELS
    appearance: int = 48
    rest: int = 16
    code: int = 16
    detail: int = 16
    motion: tuple[int, int, int] = (48, 64, 128)
    """Widths at 64, 32 and 16."""

    motion_blocks: tuple[int, int, int] = (1, 1, 1)
    """Residual blocks at 64 (on the way up), 32 (on either way) and 16."""

    body: int = 48
    head: int = 32
    head_convolutions: int = 1
    encoder: tuple[int, int, int, int] = (32, 64, 96, 128)
    """Widths at 128, 64, 32 and 16."""
