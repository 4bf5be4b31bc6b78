"""Sizes of a lite generator that runs in milliseconds; needs torch."""

from export.networks.lite_config import LiteConfig

TINY = LiteConfig(
    appearance=8,
    rest=4,
    code=4,
    detail=4,
    motion=(8, 8, 8),
    motion_blocks=(0, 0, 1),
    body=16,
    head=8,
    encoder=(8, 8, 8, 8),
)
