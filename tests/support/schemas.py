"""The generated schemas as a validator sees them: each file found by the name that others use for it."""

import json
from datetime import datetime
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from trader.discovery import find_intents
from trader.schemas.json_schema import BASE
from trader.schemas.schemas import schema_files

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Return each schema by its path, without its ending."""
    files = schema_files(find_intents()).items()
    end = ".schema.json"
    return {path.removesuffix(end): json.loads(text) for path, text in files if path.endswith(end)}


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the validator of the schema ``name``, formats included."""
    registry: Registry[Any] = Registry().with_resources(
        (BASE + path + ".schema.json", Resource.from_contents(schema)) for path, schema in schemas().items()
    )
    return Draft202012Validator(schemas()[name], registry=registry, format_checker=FORMATS)


def problems(name: str, value: object) -> list[str]:
    """Return what the schema ``name`` has against ``value``."""
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(value)]
