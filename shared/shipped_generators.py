"""The generators that come with Kilocall, by name; imports nothing heavy."""

from pathlib import Path

WARP = "warp"
"""Needs no weights."""

LITE = "lite"
"""The bundle for a machine without a GPU."""

SHIPPED_BUNDLES = Path(__file__).parent / "assets"
"""Each bundle is a folder of its name in it."""


def default_generator() -> str:
    """`lite` where its bundle is, else `warp`."""
    return LITE if (SHIPPED_BUNDLES / LITE).is_dir() else WARP
