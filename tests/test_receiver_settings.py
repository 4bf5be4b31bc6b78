"""Settings come from the environment or the command line; what is wrong is one line."""

from pathlib import Path

import pytest

from receiver.settings import ReceiverSettings
from shared.errors import ConfigError
from shared.webrtc.ice_servers import IceServer


def test_what_is_given_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOCALL_PORT", "9000")
    assert ReceiverSettings.read().port == 9000
    assert ReceiverSettings.read(port=9001, host=None).port == 9001


def test_ice_servers_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOCALL_ICE_SERVERS", '[{"url": "stun:stun.example.net"}]')
    assert ReceiverSettings.read().ice_servers == (IceServer("stun:stun.example.net"),)


def test_what_is_wrong_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^port '70000': Input should be less than or equal to"):
        ReceiverSettings.read(port="70000")
    with pytest.raises(ConfigError, match=r"^tls_certificate and tls_key: one is given"):
        ReceiverSettings.read(tls_certificate=Path("certificate.pem"))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TURN_SECRET", "s", "turn_urls and turn_secret: one is given, both or none allowed"),
        ("TURN_URLS", '["turn:a"]', "turn_urls and turn_secret: one is given, both or none"),
        ("ROOM_CREATION", "me", "room_creation 'me': Input should be 'anyone', 'loopback' or "),
        ("INVITE_MINUTES", "0", "invite_minutes '0': Input should be greater than 0"),
        ("DEVICE", "gpu", "device 'gpu': Input should be 'auto', 'cpu', 'cuda' or 'tensorrt'"),
        ("MAX_CALLS", "0", "max_calls '0': Input should be greater than or equal to 1"),
        ("LINK_HOURS", "-1", "link_hours '-1': Input should be greater than 0"),
        ("TURN_CREDENTIAL_MINUTES", "0", "turn_credential_minutes '0': Input should be greater"),
    ],
)
def test_wrong_settings_of_rooms_and_turn_are_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(f"KILOCALL_{name}", value)
    with pytest.raises(ConfigError) as caught:
        ReceiverSettings.read()
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("stun:stun.example.net", 'value for field "ice_servers" from source .*, JSON is expected'),
        ('[{"url": "http://x"}]', "ICE server 'http://x', stun:HOST"),
        ('[{"url": "stun:"}]', "ICE server 'stun:', stun:HOST"),
        ('[{"url": "turn:x", "username": "a\\nb"}]', "turn:x: a name or password that no header"),
    ],
)
def test_wrong_ice_servers_are_one_line(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: str
) -> None:
    monkeypatch.setenv("KILOCALL_ICE_SERVERS", value)
    with pytest.raises(ConfigError, match=expected) as caught:
        ReceiverSettings.read()
    assert "\n" not in str(caught.value)
