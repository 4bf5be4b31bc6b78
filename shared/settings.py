"""Settings of a process: one frozen object, read once, from KILOCALL_* and the command line."""

from typing import Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.errors import ConfigError


class ProcessSettings(BaseSettings):
    """What a process is told. Every field can be set by KILOCALL_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="KILOCALL_", frozen=True, extra="forbid")

    @classmethod
    def read(cls, **given: object) -> Self:
        """Settings from the environment, what is `given` (not None) first.

        Raises ConfigError with the first thing wrong.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except SettingsError as error:
            raise ConfigError(f"{error}, JSON is expected") from None
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            if first["type"] == "missing":
                raise ConfigError(f"no {name} given, one is needed (--{name})") from None
            found = "" if not name else f"{name} {str(first.get('input'))[:60]!r}: "
            raise ConfigError(found + first["msg"].removeprefix("Value error, ")) from None
