"""Typed access to a peer's msgpack map: every field is checked for presence, type and range."""

from enum import StrEnum
from typing import TypeVar

import msgpack

from shared.errors import BitstreamError
from shared.limits import CONTROL_KEY_COUNT_MAX, CONTROL_TEXT_MAX_CHARACTERS

_E = TypeVar("_E", bound=StrEnum)


class MessageFields:
    """The fields of one message. Messages of errors name the key, the found, the allowed."""

    def __init__(self, fields: dict[str, object]) -> None:
        self._fields = fields

    @classmethod
    def unpack(cls, data: bytes, *, max_bytes: int) -> "MessageFields":
        """Read one msgpack map with text keys; any bytes are safe.

        Raises BitstreamError for a longer message, one that is no such map, or one with a map
        or array of too many items; nothing larger than the message is ever allocated.
        """
        if len(data) > max_bytes:
            raise BitstreamError(f"message of {len(data)} bytes, at most {max_bytes} are allowed")
        try:
            unpacked = msgpack.unpackb(
                data,
                max_map_len=CONTROL_KEY_COUNT_MAX,
                max_array_len=CONTROL_KEY_COUNT_MAX,
                max_ext_len=0,
            )
        except Exception as err:  # msgpack documents no common base of what it raises
            raise BitstreamError(
                f"bytes that are no msgpack message ({type(err).__name__})"
            ) from err
        if not isinstance(unpacked, dict) or not all(isinstance(key, str) for key in unpacked):
            raise BitstreamError("a msgpack message that is no map with text keys")
        return cls(unpacked)

    def has(self, key: str) -> bool:
        return key in self._fields

    def integer(self, key: str, low: int, high: int) -> int:
        """In [low, high]; raises BitstreamError otherwise, like all below."""
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _type_error(key, value, "an integer")
        if not low <= value <= high:
            raise BitstreamError(f"{key} is {value}, {low} to {high} is allowed")
        return value

    def integers(self, key: str, low: int, high: int, *, max_count: int) -> tuple[int, ...]:
        """Up to `max_count` of them, each in [low, high]."""
        value = self._get(key)
        if not isinstance(value, list):
            raise _type_error(key, value, "a list")
        if len(value) > max_count:
            raise BitstreamError(f"{key} has {len(value)} items, at most {max_count} are allowed")
        items = [MessageFields({key: item}).integer(key, low, high) for item in value]
        return tuple(items)

    def number(self, key: str, low: float, high: float) -> float:
        """In [low, high], hence finite; an integer is taken too."""
        value = self._get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _type_error(key, value, "a number")
        if not low <= value <= high:
            raise BitstreamError(f"{key} is {value:g}, {low:g} to {high:g} is allowed")
        return float(value)

    def boolean(self, key: str) -> bool:
        value = self._get(key)
        if not isinstance(value, bool):
            raise _type_error(key, value, "true or false")
        return value

    def text(self, key: str) -> str:
        """Of at most CONTROL_TEXT_MAX_CHARACTERS."""
        value = self._get(key)
        if not isinstance(value, str):
            raise _type_error(key, value, "text")
        if len(value) > CONTROL_TEXT_MAX_CHARACTERS:
            raise BitstreamError(
                f"{key} of {len(value)} characters, "
                f"at most {CONTROL_TEXT_MAX_CHARACTERS} are allowed"
            )
        return value

    def binary(self, key: str, low: int, high: int) -> bytes:
        """Of low to high bytes."""
        value = self._get(key)
        if not isinstance(value, bytes):
            raise _type_error(key, value, "binary")
        if not low <= len(value) <= high:
            raise BitstreamError(f"{key} of {len(value)} bytes, {low} to {high} are allowed")
        return value

    def member(self, key: str, enum: type[_E]) -> _E:
        """The member of `enum` with the text."""
        value = self.text(key)
        try:
            return enum(value)
        except ValueError as err:
            allowed = ", ".join(member.value for member in enum)
            raise BitstreamError(f"{key} is unknown, one of {allowed} is allowed") from err

    def _get(self, key: str) -> object:
        if key not in self._fields:
            raise BitstreamError(f"{key} is missing")
        return self._fields[key]


def _type_error(key: str, value: object, allowed: str) -> BitstreamError:
    return BitstreamError(f"{key} is {type(value).__name__}, {allowed} is allowed")
