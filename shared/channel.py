"""Channels of a generator's conditions: names, and how many planes each takes.

Channels, in the order of `Channel`; a bundle names those it wants, in its own order:

    pncc               3  normalised mean-shape x, y, z of the visible point, each in [0, 1];
                          0 outside (HeadGAN 4.1)
    displacement       2  reference minus driving position of that point, image coordinates;
                          extended beyond mesh and proxy and to zero far away (GDPW 3.2)
    displacement_z     1  the same in depth (with `displacement` F3A-GAN's facial flow, III-A,
                          whose z points the other way)
    mask               2  1 on the face mesh without the mouth's opening; 1 on the head proxy
    reference_visible  1  1 where the reference shows the point that the displacement leads to
"""

from collections.abc import Sequence
from enum import StrEnum

from shared.errors import ConfigError


class Channel(StrEnum):
    """A named group of condition channels."""

    PNCC = "pncc"
    DISPLACEMENT = "displacement"
    DISPLACEMENT_Z = "displacement_z"
    MASK = "mask"
    REFERENCE_VISIBLE = "reference_visible"


CHANNEL_SIZES = {
    Channel.PNCC: 3,
    Channel.DISPLACEMENT: 2,
    Channel.DISPLACEMENT_Z: 1,
    Channel.MASK: 2,
    Channel.REFERENCE_VISIBLE: 1,
}
ALL_CHANNELS = tuple(Channel)
CONDITION_SIZE = sum(CHANNEL_SIZES.values())


def parse_channels(names: Sequence[str]) -> tuple[Channel, ...]:
    """Channels from their names; ConfigError for one that is unknown or named twice."""
    known = {channel.value for channel in Channel}
    for name in names:
        if name not in known:
            raise ConfigError(f"condition {name!r}, known are {', '.join(ALL_CHANNELS)}")
    if len(set(names)) != len(names):
        raise ConfigError(f"conditions {', '.join(names)}, each may be named once")
    return tuple(Channel(name) for name in names)


def channel_count(channels: Sequence[Channel]) -> int:
    """Planes that these channels take together."""
    return sum(CHANNEL_SIZES[channel] for channel in channels)
