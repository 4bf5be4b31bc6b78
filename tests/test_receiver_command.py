"""`python -m receiver`: what it prints, and how it ends."""

import asyncio
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from receiver.__main__ import app
from receiver.server import links, listen
from receiver.settings import ReceiverSettings
from receiver.tokens import Grant, TokenAuthority
from sender.whip_client import WhipClient
from shared.control_message import Bye, ByeReason, parse_control
from shared.errors import ConfigError, SignalingError
from shared.shipped_generators import default_generator

SECRET = "a secret for tests that nobody else knows"


def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            listen("127.0.0.1", port)
    assert str(caught.value) == (f"port {port} on 127.0.0.1 is in use, choose another with --port")


def test_a_host_that_is_none_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^host '256\.1\.1\.1': .*, a name or address is needed"):
        listen("256.1.1.1", 0)


def test_the_link_names_the_port_that_was_taken() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        settings = ReceiverSettings(port=0, tls_self_signed=True)
        assert links(settings, listener) == (f"https://127.0.0.1:{port}/",)


def test_a_token_is_printed_that_the_receiver_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOCALL_TOKEN_SECRET", SECRET)
    result = CliRunner().invoke(
        app, ["token", "--room", "r", "--party", "ann", "--publish", "--minutes", "5"]
    )
    assert result.exit_code == 0
    grant = TokenAuthority(SECRET.encode()).verify(result.stdout.strip())
    assert grant == Grant(room="r", party="ann", publish=True, play=False)


def test_a_token_that_allows_nothing_is_refused() -> None:
    result = CliRunner().invoke(app, ["token", "--room", "r", "--party", "ann"])
    assert isinstance(result.exception, ConfigError)
    assert str(result.exception).startswith("a token that allows nothing, --publish, --play")


@pytest.fixture
def _own_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOCALL_TOKEN_SECRET", SECRET)


def invited(*arguments: str) -> list[str]:
    result = CliRunner().invoke(app, ["invite", *arguments], catch_exceptions=False)
    return result.stdout.split()


@pytest.mark.usefixtures("_own_secret")
def test_two_links_are_printed_that_the_receiver_accepts() -> None:
    links = invited()
    grants = [_grant(link.removeprefix("http://127.0.0.1:8080/#token=")) for link in links]
    assert [grant.party for grant in grants] == ["a", "b"]
    assert grants[0].room == grants[1].room
    assert all(grant.publish and grant.play for grant in grants)


@pytest.mark.usefixtures("_own_secret")
def test_links_of_two_receivers_name_both() -> None:
    first, second = invited("--url", "https://a.example", "--other", "https://b.example/kilo")
    assert first.startswith("https://a.example/#token=")
    assert "&whip=https%3A%2F%2Fb.example%2Fkilo%2Fwhip&whip_token=" in first
    assert second.startswith("https://b.example/kilo/#token=")
    assert "&whip=https%3A%2F%2Fa.example%2Fwhip&whip_token=" in second


@pytest.mark.usefixtures("_own_secret")
@pytest.mark.parametrize(
    ("variables", "start"),
    [
        ({"HOST": "::1"}, "http://[::1]:8080/#"),
        ({"TLS_SELF_SIGNED": "1", "PORT": "9000"}, "https://127.0.0.1:9000/#"),
        ({"PUBLIC_URL": "https://calls.example", "PORT": "0"}, "https://calls.example/#"),
    ],
)
def test_links_name_the_address_that_is_set_up(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], start: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"KILOCALL_{name}", value)
    assert all(link.startswith(start) for link in invited())


@pytest.mark.usefixtures("_own_secret")
def test_links_of_a_receiver_on_every_network_can_be_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KILOCALL_HOST", "0.0.0.0")
    assert not any("0.0.0.0" in link for link in invited())


@pytest.mark.usefixtures("_own_secret")
def test_addresses_that_no_link_can_hold_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as caught:
        invited("--other", "https://name:word@b.example/")
    assert str(caught.value) == (
        "receiver 'https://name:word@b.example/', an address like https://host:8080/ of at most "
        "512 characters is allowed"
    )
    monkeypatch.setenv("KILOCALL_PORT", "0")
    with pytest.raises(ConfigError) as caught:
        invited()
    assert str(caught.value) == "port 0 is no address for a link, --url is needed"


@pytest.mark.usefixtures("_own_secret")
def test_a_device_that_cannot_be_used_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        CliRunner().invoke(
            app,
            ["--port", "0", "--generator", "warp", "--device", "tensorrt"],
            catch_exceptions=False,
        )
    assert str(caught.value) == "device tensorrt with warp, which runs on the CPU alone"


def _grant(token: str) -> Grant:
    return TokenAuthority(SECRET.encode()).verify(token)


async def test_it_serves_https_and_ends_with_a_goodbye_and_status_0(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "receiver", "--port", "0", "--tls", "self-signed"),
        cwd=Path(__file__).parents[1],
        env={
            **os.environ,
            "KILOCALL_STATE_FOLDER": str(tmp_path),
            "KILOCALL_TOKEN_SECRET": SECRET,
            "PYTHONUNBUFFERED": "1",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        assert line.startswith(f"kilocall receiver ({default_generator()}): https://127.0.0.1:")
        hint = (await asyncio.wait_for(process.stdout.readline(), 10)).decode()
        assert hint == (
            f"two links into a call: python -m receiver invite --url {line.split()[-1]}\n"
        )
        grant = Grant(room="r", party="ann", publish=True, play=False)
        control: list[bytes] = []
        connect = partial(
            WhipClient.connect,
            line.split()[-1] + "whip",
            TokenAuthority(SECRET.encode()).issue(grant, minutes=1),
            audio_track=None,
            on_control=control.append,
            on_parameters=lambda message: None,
        )
        with pytest.raises(SignalingError, match="certificate not trusted, self-signed"):
            await connect()
        connection = await connect(verify_tls=False)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 15)
        assert process.returncode == 0
        assert parse_control(control[-1]) == Bye(ByeReason.SHUTDOWN)
        await connection.close()
    finally:
        if process.returncode is None:
            process.kill()
        _, errors = await process.communicate()
    assert b"Traceback" not in errors, errors.decode()
