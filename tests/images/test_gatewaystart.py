"""The gateway image's start script, with stand-ins for Xvfb and IBC: what it refuses and what it hides."""

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copy

import pytest

from tests.support.stack import until
from trader.entrypoints.cli.local_stack import free_port

ROOT = Path(__file__).parents[2]
IMAGE, STANDIN = ROOT / "gateway-image", Path(__file__).parent / "standin"
GIVEN = {"IB_USER": "someone", "IB_PASSWORD": "pa$$ word\\&'\"ü"}


@dataclass
class Started:
    """A start script that runs, and what it says."""

    process: subprocess.Popen[bytes]
    folder: Path
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def ended(self) -> int:
        return self.process.wait(60)


def home(folder: Path) -> dict[str, str]:
    """Lay out what the image has, and return the variables that lead the script there."""
    binaries, scripts = folder / "bin", folder / "ibc" / "scripts"
    binaries.mkdir(parents=True)
    scripts.mkdir(parents=True)
    for name in ("ibcstart.sh", "standin.py"):
        copy(STANDIN / name, scripts / name)
    display = f":{free_port(0)}"
    xvfb = binaries / "Xvfb"
    xvfb.write_text(
        "#!/usr/bin/env bash\nmkdir -p /tmp/.X11-unix\nsocket=/tmp/.X11-unix/X${1#:}\ntouch $socket\n"
        "trap 'rm -f $socket; kill $!; exit 0' TERM\nsleep 600 & wait\n"
    )
    xvfb.chmod(0o755)
    return {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "HOME": str(folder),
        "IMAGE_DIR": str(IMAGE),
        "IBC_PATH": str(folder / "ibc"),
        "SETTINGS_DIR": str(folder / "settings"),
        "RUN_DIR": str(folder / "run"),
        "GATEWAY_DISPLAY": display,
        "GATEWAY_VERSION": "1037",
        "STANDIN_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT / "worker"),
        "API_PORT": str(free_port(0)),
        "COMMAND_PORT": str(free_port(0)),
    }


@contextmanager
def started(folder: Path, **given: str) -> Iterator[Started]:
    """Run the script until the test is done with it; nothing of it is left."""
    log = folder / "log"
    with log.open("wb") as to:
        process = subprocess.Popen(
            [str(IMAGE / "gatewaystart.sh")],
            env={**home(folder), **given},
            stdout=to,
            stderr=to,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
    try:
        yield Started(process, folder, log)
    finally:
        process.terminate()
        process.wait(60)


def refused(folder: Path, **given: str) -> str:
    """Run the script, which starts nothing, and return its one line."""
    ran = subprocess.run(
        [str(IMAGE / "gatewaystart.sh")],
        env={**home(folder), **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1), ran.stderr
    assert not (folder / "run" / "config.ini").exists()
    return ran.stderr


def health(**given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(IMAGE / "healthcheck.py")],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
    )


def environments(needles: Mapping[str, str]) -> list[str]:
    """Return the command lines and environments in which a needle stands, of all processes but this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) in (os.getpid(), os.getppid()):
            continue
        for name in ("cmdline", "environ"):
            try:
                text = (folder / name).read_bytes()
            except OSError:
                continue
            found += [f"{folder.name}/{name}" for needle in needles.values() if needle.encode() in text]
    return found


def test_it_starts_logs_in_hides_the_credentials_and_logs_out_on_a_signal(tmp_path: Path) -> None:
    secrets = {"IB_USER": "user-6f1e", "IB_PASSWORD": "se cret\\&%s$(id)\"'ü-6f1e"}
    port = str(free_port(0))
    with started(tmp_path, **secrets, API_PORT=port) as gateway:
        until(lambda: health(API_PORT=port).returncode == 0, "a gateway that is logged in")
        assert (tmp_path / "settings" / "seen.txt").read_text() == f"9 {len(secrets['IB_PASSWORD'])} paper\n"
        rendered = tmp_path / "run" / "config.ini"
        assert stat.S_IMODE(rendered.stat().st_mode) == 0o600
        assert environments(secrets) == []
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.ended() == 0
        assert "standin: logged out" in gateway.said
        assert not rendered.exists()
        for value in secrets.values():
            assert value not in gateway.said
    assert health(API_PORT=port).returncode == 1


def test_the_gateways_own_status_is_the_scripts(tmp_path: Path) -> None:
    with started(tmp_path, **{**GIVEN, "IB_USER": "nobody"}) as gateway:
        assert gateway.ended() == 7
        assert "the gateway ended with 7" in gateway.said


def test_a_port_that_is_taken_is_refused_by_its_number(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused_late(tmp_path, **GIVEN, API_PORT=str(port))
    assert f"port {port}: expected it free, found it taken" in said


def refused_late(folder: Path, **given: str) -> str:
    ran = subprocess.run(
        [str(IMAGE / "gatewaystart.sh")],
        env={**home(folder), **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1), ran.stderr
    assert not (folder / "run" / "config.ini").exists(), "the credentials are gone with it"
    return ran.stderr


@pytest.mark.parametrize(
    "given",
    [
        {"IB_USER_FILE": "user", "IB_PASSWORD_FILE": "password"},
        {"IB_CREDENTIALS": '{"userid": "someone", "password": "pass-word"}'},
        {"IB_CREDENTIALS_FILE": "both"},
    ],
    ids=["two files", "one variable", "one file"],
)
def test_each_form_of_credentials_is_understood(tmp_path: Path, given: dict[str, str]) -> None:
    (tmp_path / "user").write_text("someone\n")
    (tmp_path / "password").write_text("pass-word\n")
    (tmp_path / "both").write_text('{"userid": "someone", "password": "pass-word"}')
    paths = {name: str(tmp_path / value) if name.endswith("FILE") else value for name, value in given.items()}
    with started(tmp_path, **paths):
        until((tmp_path / "settings" / "seen.txt").exists, "a gateway that has read its configuration")
        assert (tmp_path / "settings" / "seen.txt").read_text() == "7 9 paper\n"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "IB_USER and IB_PASSWORD: expected credentials, found none"),
        ({"IB_USER": "someone"}, "IB_PASSWORD: expected it together with IB_USER, found none"),
        (
            {**GIVEN, "IB_CREDENTIALS": "{}"},
            "IB_USER and IB_CREDENTIALS: expected credentials in one form, found 2",
        ),
        ({"IB_CREDENTIALS": "no json"}, "IB_CREDENTIALS: expected JSON as"),
        (
            {"IB_CREDENTIALS": '{"userid": "x"}'},
            "IB_CREDENTIALS: expected a JSON object with the text 'password'",
        ),
        ({"IB_CREDENTIALS": "[]"}, "IB_CREDENTIALS: expected a JSON object with the text 'userid'"),
        ({"IB_CREDENTIALS_FILE": "/nowhere"}, "IB_CREDENTIALS_FILE: expected a file to read, found /nowhere"),
        ({"IB_USER": "a\nb", "IB_PASSWORD": "x"}, "IB_USER: expected one line of text"),
        (
            {**GIVEN, "IB_PASSWORD": "p\udcff"},
            "IB_PASSWORD: expected text in UTF-8, found bytes that are none",
        ),
        ({**GIVEN, "SECOND_FACTOR_DEVICE": "a\nb"}, "SECOND_FACTOR_DEVICE: expected one line of text"),
        ({"IB_CREDENTIALS": "[" * 100_000}, "IB_CREDENTIALS: expected JSON as"),
        ({**GIVEN, "TRADING_MODE": "demo"}, "TRADING_MODE: expected paper or live, found 'demo'"),
        ({**GIVEN, "READ_ONLY_API": "maybe"}, "READ_ONLY_API: expected yes or no, found 'maybe'"),
        ({**GIVEN, "API_PORT": "80"}, "API_PORT: expected a port from 1024 to 65535, found '80'"),
        ({**GIVEN, "AUTO_RESTART_TIME": "25:00"}, "AUTO_RESTART_TIME: expected a time of day such as 23:45"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_variable_and_starts_nothing(
    tmp_path: Path, given: dict[str, str], told: str
) -> None:
    said = refused(tmp_path, **given)
    assert f"gatewaystart: {told}" in said
    assert "Traceback" not in said


def test_an_image_without_ibc_says_so(tmp_path: Path) -> None:
    said = refused_late(tmp_path, **GIVEN, IBC_PATH=str(tmp_path / "none"))
    assert "IBC_PATH: expected IBC at" in said


def test_a_health_check_of_another_mode_is_refused() -> None:
    ran = health(TRADING_MODE="demo")
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("url", "checksum", "told"),
    [
        ("", "0" * 64, "GATEWAY_URL: expected where to get it, found none"),
        ("file:///x", "", "GATEWAY_SHA256: expected 64 hex digits, found ''"),
        ("file:///nowhere/x", "0" * 64, "GATEWAY_URL: expected a file at file:///nowhere/x, found none"),
    ],
)
def test_what_an_image_installs_is_fetched_by_its_checksum_or_not_at_all(
    tmp_path: Path, url: str, checksum: str, told: str
) -> None:
    ran = fetched(tmp_path, url, checksum)
    assert ran.returncode == 2
    assert told in ran.stderr


def test_an_installer_that_is_not_what_it_says_is_refused_with_both_checksums(tmp_path: Path) -> None:
    (tmp_path / "installer").write_text("another program")
    ran = fetched(tmp_path, f"file://{tmp_path / 'installer'}", "0" * 64)
    assert ran.returncode == 2
    assert f"GATEWAY_SHA256: expected {'0' * 64}, found " in ran.stderr


def fetched(folder: Path, url: str, checksum: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(IMAGE / "fetch.sh"), "GATEWAY", url, checksum, str(folder / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
