"""A YAML file read into a model, or one line that says what is wrong with it."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

M = TypeVar("M", bound=BaseModel)


class FileProblem(ValueError):
    """One line: which file, where in it, what was expected, what was found."""


class Part(BaseModel):
    """A part of a file: frozen, and a field it doesn't know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, data: Any) -> Any:
        unknown = [key for key in data if key not in cls.model_fields] if isinstance(data, dict) else []
        if unknown:
            names = ", ".join(cls.model_fields) or "no fields"
            raise ValueError(f"expected {names}, found {unknown[0]!r}")
        return data


def one_of(kind: str, found: object, known: Iterable[str]) -> ValueError:
    """What to say of a name that isn't one of those known: the nearest, or all of them."""
    names = list(known)
    near = get_close_matches(str(found), names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(names)}"
    return ValueError(f"expected {kind}, found {found!r}: {hint}")


class _Loader(yaml.SafeLoader):
    """YAML in which ON and NO are symbols of the exchange, not truth values."""


_BOOL = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in found if tag != _BOOL]
    for letter, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile("^(true|false)$"), list("tf"))


def read_yaml(path: Path) -> Any:
    """The file's contents; an empty file is an empty mapping."""
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader's child
    except OSError as error:
        raise FileProblem(f"{path}: expected a readable file, found: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileProblem(f"{path}: expected UTF-8 text, found byte {error.start} that is not") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "somewhere"
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise FileProblem(f"{path}: {where}: expected YAML, found: {what}") from error
    return {} if loaded is None else loaded


def checked(path: Path, model: type[M], data: Any, *, within: str = "") -> M:
    """The data as a model. `within` says where in the file it stands: `rule 2`."""
    try:
        return model.model_validate(data, context={"folder": path.parent})
    except ValidationError as error:
        raise FileProblem(": ".join(filter(None, [str(path), within, told(error)]))) from error


def told(error: ValidationError) -> str:
    """Pydantic's first complaint in a line, and how many more there are."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    match first["type"]:
        case "missing":
            what = "expected this field, found none"
        case "value_error" | "assertion_error":
            what = first["msg"].partition(", ")[2]
        case _:
            what = f"{_expected(first['msg'])}, found {_short(first['input'])}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {what}{more}" if where else f"{what}{more}"


def _expected(message: str) -> str:
    return re.sub(r"^.*? should (be|have)", "expected", message).partition(", unable")[0]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
