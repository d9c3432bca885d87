"""What a command ends with: the exit codes, and an error as one line for a person."""

import errno
import io
import re
import sys
from enum import IntEnum

from typer import TyperException

from trader.domain.errors import StoreUnavailable, TopicUnavailable, TraderError
from trader.entrypoints.cli.output import tell
from trader.settings import SettingsError


class Exit(IntEnum):
    """The exit codes; they say what became of the wish, so that a script can go by them."""

    OK = 0  # succeeded or skipped
    OTHER = 1  # any other status, or a finding
    WRONG_USE = 2  # also a message that its schema refuses
    NO_RESULT = 3  # none in the time given
    UNREACHABLE = 4  # the topic or the store
    CLOSED_PIPE = 141  # as a shell has it for SIGPIPE


class WrongUse(Exception):
    """A command was given what it can't use: one line, "expected ..., found ...; what to do"."""


EXPECTED = (TyperException, WrongUse, SettingsError, TraderError, SystemExit, OSError)
"""What may end a command, of the last only a full disk; anything else is a defect and shows its trace."""


def exit_code_of(error: BaseException) -> Exit:
    """Say in one line what ended a command, and return its exit code; ``error`` is one of ``EXPECTED``."""
    match error:
        case SystemExit():  # so Rich and Typer end when the reader of standard output has gone
            return Exit.CLOSED_PIPE
        case TyperException():
            tell(_in_our_words(error.format_message()))
            return Exit.WRONG_USE
        case WrongUse() | SettingsError():
            tell(str(error))
            return Exit.WRONG_USE
        case StoreUnavailable() | TopicUnavailable():
            tell(str(error))
            return Exit.UNREACHABLE
        case TraderError():
            tell(str(error))
            return Exit.OTHER
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            sys.stdout = io.StringIO()  # else Python tries once more to write what is left, at its end
            tell(
                f"expected room to write, found none ({error.strerror}); make some, and look what was done "
                "before you do it again"
            )
            return Exit.OTHER
    raise error


_WORDING = (
    (r"No such command '(.*)'\.", r"expected a command, found \1; see `trader --help`"),
    (r"No such option: (.*) \(Possible options: (.*)\)", r"expected a known option, found \1; meant \2?"),
    (r"No such option: (.*)", r"expected a known option, found \1; see `--help`"),
    (r"Missing argument '(.*)'\.?(.*)", r"expected \1, found nothing in its place; add it, see `--help`"),
    (r"Missing option '(.*)'\.?(.*)", r"expected \1, found none; add it, see `--help`"),
    (r"Option '(.*)' requires an argument\.?", r"expected a value after \1, found none; add it"),
    (r"Option '(.*)' does not take a value\.?", r"expected \1 alone, found a value; leave that out"),
    (
        r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)",
        r"expected no more arguments, found \1; leave it out or quote it",
    ),
    (r"Invalid value for '?(.*?)'?: (.*)", r"\1: \2"),
)


def _in_our_words(message: str) -> str:
    """Return Typer's ``message`` as ours are: expected, found, what to do; in one line."""
    text = " ".join(message.split())
    for pattern, wording in _WORDING:
        if found := re.fullmatch(pattern, text):
            return found.expand(wording)
    return text
