"""From a file's JSON to schedules, or to what is wrong with it in a person's words."""

import difflib
import json
from collections.abc import Sequence

from pydantic import JsonValue, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from trader.domain.configuration_rules import BROKEN_RULE
from trader.domain.errors import Rejected
from trader.domain.schedules import Schedule, Schedules
from trader.domain.wire import JsonObject

_FIELDS = {field.alias or name: field for name, field in Schedule.model_fields.items()}


def parse_schedules(raw: JsonObject) -> Schedules:
    """Return the schedules; raises Rejected ``schedules-invalid``: one line that names job and field."""
    try:
        return Schedules.model_validate_json(json.dumps(raw), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        first, *rest = error.errors(include_url=False)
        more = f" (and {len(rest)} more)" if rest else ""
        raise Rejected("schedules-invalid", _line(raw, first) + more) from None


def _line(raw: JsonObject, error: ErrorDetails) -> str:
    match error["loc"]:
        case ("schedules", int(number), str(name), *below):
            path = ".".join([name, *map(str, below)])
            return f"{_job(raw, number)}: {_problem(path, _FIELDS.get(name), error)}"
        case ("schedules", int(number)):
            return f"{_job(raw, number)}: expected an object with name, cron and so on, found {_found(error)}"
        case ():
            return str(error.get("ctx", {}).get("text"))
        case (str(name), *_) if name != "schedules":
            return f"{name[:64]}: unknown key; known here is schedules"
        case _:
            return _problem("schedules", Schedules.model_fields["schedules"], error)


def _problem(path: str, field: FieldInfo | None, error: ErrorDetails) -> str:
    if error["type"] == BROKEN_RULE:
        key = str(error["ctx"]["key"])
        return f"{path}.{key}: {error['ctx']['text']}" if key else f"{path}: {error['ctx']['text']}"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[:64], _FIELDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_FIELDS)}"
        return f"{path[:64]}: unknown key; {hint}"
    expected = field.description if field else "another value"
    if error["type"] == "missing":
        return f"{path}: expected {expected}, found none; add it"
    return f"{path}: expected {expected}, found {_found(error)}; correct it"


def _found(error: ErrorDetails) -> str:
    return json.dumps(error["input"], default=str)[:64]


def _job(raw: JsonObject, number: int) -> str:
    """Return the job as a person finds it: by its name, or else by its place in the list."""
    jobs: JsonValue = raw.get("schedules")
    job = jobs[number] if isinstance(jobs, Sequence) and not isinstance(jobs, str) else None
    name = job.get("name") if isinstance(job, dict) else None
    return f"job {name[:64]}" if isinstance(name, str) and name else f"job number {number + 1}"
