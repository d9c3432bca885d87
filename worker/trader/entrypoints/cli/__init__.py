"""The command `trader`: one file a command, this one its way in and its way out."""

import io
import os
import sys

from trader.entrypoints.cli.errors import EXPECTED, exit_code_of


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; a person's mistake is one line on standard error."""
    from trader.entrypoints.cli.app import app

    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed before the start: nobody wants to hear it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - open until the process ends
    # What was done must not end in a trace because the terminal has no letter for its report.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        code = app(arguments, prog_name="trader", standalone_mode=False)
    except EXPECTED as error:
        return exit_code_of(error)
    return int(code or 0)
