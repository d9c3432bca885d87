"""A YAML file read into a model, or one line that says what is wrong with it."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


class FileProblem(ValueError):
    """One line: which file, where in it, what was expected, what was found."""


def read_yaml(path: Path) -> Any:
    """The file's contents; an empty file is an empty mapping."""
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
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
        case "extra_forbidden":
            what = "expected no such field"
        case "missing":
            what = "expected this field, found none"
        case "value_error" | "assertion_error":
            what = first["msg"].partition(", ")[2]
        case _:
            what = f"{_expected(first['msg'])}, found {_short(first['input'])}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {what}{more}" if where else f"{what}{more}"


def _expected(message: str) -> str:
    return message.replace("Input should be", "expected", 1).partition(", ")[0]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
