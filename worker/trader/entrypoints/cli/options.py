"""The options that several commands share, spelled once."""

import os
from pathlib import Path
from typing import Annotated

import typer

from trader.settings import PREFIX, Settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
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
    # A child process has another working directory.
    return found.model_copy(update={"data_dir": found.data_dir.expanduser().absolute()})
