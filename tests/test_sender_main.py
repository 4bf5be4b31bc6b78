"""Every bad argument of `python -m sender` is one clear line and exit status 2."""

import asyncio
import signal
from pathlib import Path

import pytest
import typer

from sender import __main__ as command
from sender.devices import Device, DeviceKind
from sender.settings import SenderSettings
from shared.errors import ConfigError

CALL = {"url": "http://127.0.0.1:1/whip", "token": "t"}


def run(capsys: pytest.CaptureFixture[str], **options: object) -> tuple[int, str]:
    with pytest.raises(typer.Exit) as caught:
        command.main(**options)  # type: ignore[arg-type]
    return caught.value.exit_code, capsys.readouterr().err


@pytest.fixture(autouse=True)
def no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sender.devices.list_devices", lambda kind: ())
    monkeypatch.setattr("sender.__main__.list_devices", lambda kind: ())
    for name in ("KILOCALL_URL", "KILOCALL_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "no url given, one is needed (--url)"),
        ({"url": CALL["url"]}, "no token given, one is needed (--token)"),
        ({**CALL, "url": "ftp://x"}, "url 'ftp://x', http:// or https:// and a host are expected"),
        ({**CALL, "url": "http://"}, "url 'http://', http:// or https:// and a host are expected"),
        ({**CALL, "token": "t\u00fc"}, "token with characters that no token has, visible ASCII"),
        (CALL, "no camera found on this machine; use --video FILE or --portrait instead"),
        (
            {**CALL, "portrait": True, "camera": True},
            "several of --camera, --video and --portrait, one is allowed",
        ),
        (
            {**CALL, "portrait": True, "frames_per_message": 4},
            "frames_per_message '4': Input should be less than or equal to 3",
        ),
        ({**CALL, "portrait": True, "fps": 0.0}, "fps '0.0'"),
        (
            {**CALL, "portrait": True, "trace": Path("nowhere/trace.jsonl")},
            "nowhere/trace.jsonl cannot be written: No such file or directory",
        ),
        ({**CALL, "video": Path("nowhere.mp4")}, "nowhere.mp4: no such file or directory"),
        ({"list_cameras": True}, "no camera found on this machine"),
        ({"list_microphones": True}, "no microphone found on this machine"),
    ],
)
def test_bad_arguments(
    capsys: pytest.CaptureFixture[str], options: dict[str, object], expected: str
) -> None:
    status, line = run(capsys, **options)
    assert status == 2
    assert line.startswith("kilocall: ")
    assert expected in line
    assert line.count("\n") == 1


def test_devices_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(DeviceKind.CAMERA, "Integrated Camera", "/dev/video0", "v4l2")
    monkeypatch.setattr("sender.__main__.list_devices", lambda kind: (device,))
    command.main(list_cameras=True)
    assert capsys.readouterr().out == "Integrated Camera  (/dev/video0)\n"


def test_settings_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOCALL_URL", "https://example.org/whip")
    monkeypatch.setenv("KILOCALL_TOKEN", "secret")
    settings = SenderSettings.read(input="portrait")
    assert settings.url == "https://example.org/whip"
    assert "secret" not in repr(settings)


def test_a_video_needs_its_file() -> None:
    with pytest.raises(ConfigError, match="input `video` and a file for it: one is given"):
        SenderSettings.read(**CALL, input="video")


def test_a_choice_of_numbers_comes_from_the_environment_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KILOCALL_AUDIO_PACKET_MS", "60")
    assert SenderSettings.read(url="http://x/whip", token="t").audio_packet_ms == 60
    monkeypatch.setenv("KILOCALL_AUDIO_PACKET_MS", "70")
    with pytest.raises(ConfigError, match=r"audio_packet_ms .*: Input should be 20, 40 or 60"):
        SenderSettings.read(url="http://x/whip", token="t")


async def test_a_second_signal_does_not_break_off_the_goodbye() -> None:
    said: list[str] = []

    class Call:
        async def run(self) -> None:
            try:
                signal.raise_signal(signal.SIGTERM)
                await asyncio.Event().wait()
            finally:
                signal.raise_signal(signal.SIGTERM)
                for _ in range(3):  # the loop hears of the signal
                    await asyncio.sleep(0.01)
                said.append("bye")

    try:
        await command._run(Call())  # type: ignore[arg-type]
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
    assert said == ["bye"]
