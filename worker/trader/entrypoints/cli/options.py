"""The options that several commands share, and the values that any may take, each with its refusal."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from trader.settings import PREFIX, Settings, SettingsError


def folder(text: str) -> Path:
    """Return the folder that ``text`` names."""
    if not text.strip():  # an unset variable in a script, and never the current folder
        raise typer.BadParameter("expected a folder, found an empty text; name one or leave the option out")
    path = _path(text)
    if path.exists() and not path.is_dir():
        raise typer.BadParameter(f"expected a folder, found the file {path}; name another")
    return path


def existing_file(text: str) -> Path:
    """Return the file that ``text`` names, which is there."""
    path = _path(text)
    if not path.is_file():
        raise typer.BadParameter(f"expected a file, found none at {path}; check its name")
    return path


def _path(text: str) -> Path:
    """Return the path that ``text`` names, which can be looked at: it may exist or not."""
    try:
        path = Path(text).expanduser().absolute()
        path.exists()
    except (OSError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else "there is no such user"
        raise typer.BadParameter(f"expected a path, found {shortened(text)} ({why}); name another") from None
    return path


def shortened(text: str) -> str:
    """Return ``text`` quoted, as much of it as a line has room for."""
    return repr(text if len(text) <= 100 else f"{text[:100]}...")


def readable(text: str) -> str:
    """Return ``text`` as it can be stored: what the terminal sent in another encoding is replaced.

    Python keeps each such byte of an argument as half a character, which no UTF-8 can write.
    """
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def port(text: str) -> int:
    """Return a port; 0 is any free one."""
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise typer.BadParameter(f"expected a port from 0 to 65535, found {text!r}")


def address(text: str) -> str:
    """Return ``HOST:PORT`` as it is."""
    host, _, number = text.rpartition(":")
    if (
        host.isascii()
        and host
        and not set(host) & set("/@ ")
        and number.isascii()
        and number.isdigit()
        and 0 < int(number) <= 65535
    ):
        return text
    raise typer.BadParameter(f"expected HOST:PORT such as 127.0.0.1:4002, found {text!r}")


def seconds(text: str) -> float:
    """Return a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if 0 < value <= 86_400:
        return value
    raise typer.BadParameter(f"expected seconds above 0, at most 86400, found {text!r}")


def count(text: str) -> int:
    """Return a whole number from 1."""
    if text.isascii() and text.isdigit() and 0 < int(text) < 10**9:
        return int(text)
    raise typer.BadParameter(f"expected a whole number from 1, found {text!r}")


def whole(text: str) -> int:
    """Return a whole number."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) < 10:
        return int(text)
    raise typer.BadParameter(f"expected a whole number, found {text!r}")


def instant(text: str) -> datetime:
    """Return a time that names its offset, in UTC."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except OverflowError:
        raise typer.BadParameter(
            f"expected a time between the years 1 and 9999 in UTC, found {text!r}; correct it"
        ) from None
    except ValueError:
        pass
    raise typer.BadParameter(f"expected a time with its offset such as 2026-11-23T21:00:00Z, found {text!r}")


DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        parser=folder,
        help="The local stack's folder.  [default: TRADER_DATA_DIR, else ~/.ib-intents]",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")]
Account = Annotated[
    str | None,
    typer.Option(
        "--account",
        metavar="ACCOUNT",
        help="The account meant.  [default: TRADER_ACCOUNT, else the only one known]",
        show_default=False,
    ),
]


def settings(data_dir: Path | None = None, account: str | None = None) -> Settings:
    """Return the settings of the environment with what the command line says laid over them.

    Raises SettingsError, one line, on what can't be used.
    """
    given = {"DATA_DIR": data_dir, "ACCOUNT": account}
    said = {PREFIX + name: str(value) for name, value in given.items() if value is not None}
    found = Settings.load({**os.environ, **said})
    try:
        # A child process may have another working directory.
        return found.model_copy(update={"data_dir": _path(str(found.data_dir))})
    except typer.BadParameter as problem:
        raise SettingsError(f"{PREFIX}DATA_DIR: {problem.message}") from None
