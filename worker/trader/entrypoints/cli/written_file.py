"""A file as a person writes it: YAML or JSON, each key once, every scalar what it looks like."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
import yaml

from trader.domain.wire import JsonObject
from trader.entrypoints.cli.errors import WrongUse

Text = Annotated[
    str | None,
    typer.Option(
        "--text",
        metavar="YAML",
        help="What the file would hold: for a command that runs where no file of yours is.",
    ),
]


@contextmanager
def as_file(text: str | None) -> Iterator[Path | None]:
    """Yield a file with what was given as ``text``, for as long as it is read; None without one."""
    if text is None:
        yield None
        return
    with TemporaryDirectory() as folder:
        file = Path(folder) / "--text"
        file.write_text(text, encoding="utf-8", errors="surrogateescape")
        yield file


def read_file(name: str, *, such_as: str) -> JsonObject:
    """Return what the file ``name`` holds (``-`` is standard input); raises WrongUse, one line.

    ``such_as`` is a line that it might hold.
    """
    try:
        raw = sys.stdin.buffer.read() if name == "-" else _bytes(name)
        text = raw.decode("utf-8-sig")
        found = _parsed(text)
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    except OSError as error:
        raise WrongUse(
            f"expected a file to read, found {name} ({error.strerror}); correct its name"
        ) from None
    except UnicodeDecodeError as error:
        raise WrongUse(
            f"{name}: expected UTF-8 text, found none at byte {error.start}; save it as such"
        ) from None
    except yaml.YAMLError as error:
        raise WrongUse(
            f"{name}: {_line(error)}expected YAML or JSON, found: {_what(error)}; correct it"
        ) from None
    except (ValueError, RecursionError) as error:  # a key that stands twice, a value that contains itself
        raise WrongUse(
            f"{name}: expected each key once and plain values, found {error}; correct it"
        ) from None
    if not isinstance(found, dict):
        raise WrongUse(f"{name}: expected keys and values such as {such_as}, found {_kind(found)}")
    return found


def _parsed(text: str) -> Any:
    with suppress(json.JSONDecodeError):  # JSON may be indented with tabs, YAML may not
        return json.loads(text, object_pairs_hook=_once)
    return yaml.load(text, _Loader)  # noqa: S506 - a safe loader's child


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # The last of two would win, silently: which limit was meant is then anyone's guess.
    for n, (name, _) in enumerate(pairs):
        if any(name == other for other, _ in pairs[:n]):
            raise ValueError(f"{name!r} twice")
    return dict(pairs)


def _bytes(name: str) -> bytes:
    with open(name, "rb") as file:  # noqa: PTH123 - a pipe such as /dev/fd/63 too
        return file.read()


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: " if mark else ""


def _what(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or str(error).partition("\n")[0])


def _kind(found: object) -> str:
    return "nothing" if found is None else f"a {type(found).__name__}"


class _Loader(yaml.SafeLoader):
    """YAML as version 1.2 has it: ON and NO are symbols, 23:40 is a text, 2026-11-23 is no date."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        pairs = [
            (self.construct_scalar(key), self.construct_object(value, deep)) for key, value in node.value
        ]
        return _once(pairs)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?", list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^({_pattern})$"), _first)
