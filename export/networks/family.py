"""The family of generators, by name, and how a checkpoint or a bundle says which it is."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from export.networks.base import BASE_HALF, Base, BaseConfig
from export.networks.interface import GeneratorNetwork
from export.networks.lite import Lite
from export.networks.lite_config import LiteConfig
from shared.channel import parse_channels
from shared.errors import ArtifactError, ConfigError

_BUILDERS: Mapping[str, Callable[[Mapping[str, Any]], GeneratorNetwork]] = {
    "lite": lambda sizes: Lite(LiteConfig(**_tuples(sizes))),
    "base": lambda sizes: Base(BaseConfig(**_tuples(sizes))),
    "base-half": lambda sizes: Base(replace(BASE_HALF, **_tuples(sizes)), name="base-half"),
}
NAMES = tuple(_BUILDERS)


def build_network(name: str, sizes: Mapping[str, Any] | None = None) -> GeneratorNetwork:
    """A network with fresh weights; `sizes` are fields of its configuration.

    Raises ConfigError for a name that is not in the family, ArtifactError for sizes that are
    not its own.
    """
    if name not in _BUILDERS:
        raise ConfigError(f"network {name!r}, known are {', '.join(NAMES)}")
    try:
        return _BUILDERS[name](sizes or {})
    except TypeError as err:
        raise ArtifactError(f"sizes of another network than {name}: {err}") from err


def network_sizes(network: GeneratorNetwork) -> dict[str, Any]:
    """What `build_network` needs to build it again, as plain values."""
    config = network.config
    assert isinstance(config, LiteConfig | BaseConfig)
    return {
        key: [str(item) if isinstance(item, str) else item for item in value]
        if isinstance(value, tuple)
        else value
        for key, value in asdict(config).items()
    }


def _tuples(sizes: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key: tuple(v) if isinstance(v, list) else v for key, v in sizes.items()}
    if "channels" in plain:
        plain["channels"] = parse_channels(plain["channels"])
    return plain
