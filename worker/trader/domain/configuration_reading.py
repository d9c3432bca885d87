"""From stored JSON to a configuration, or to what is wrong with it in a person's words."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from trader.domain.configuration import Configuration
from trader.domain.configuration_rules import BROKEN_RULE
from trader.domain.errors import Rejected
from trader.domain.wire import JsonObject, Wire


def overlay(common: JsonObject | None, account: JsonObject | None) -> JsonObject:
    """Return ``common`` with ``account`` laid over it: objects are merged, anything else is replaced."""
    merged: JsonObject = dict(common or {})
    for key, value in (account or {}).items():
        below = merged.get(key)
        merged[key] = overlay(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def parse(raw: JsonObject) -> Configuration:
    """Return the configuration; raises Rejected ``config-invalid``, whose field is the key's dotted path."""
    found = _read(raw)
    if isinstance(found, Configuration):
        return found
    field, line = found[0]
    more = f" (and {len(found) - 1} more: `trader config check` lists them)" if len(found) > 1 else ""
    raise Rejected("config-invalid", line + more, field=field)


def problems(raw: JsonObject, *, partial: bool = False) -> tuple[str, ...]:
    """Return all that is wrong with ``raw``, one line each; nothing when it can be used.

    With ``partial``, another part is still to be laid over it: what is missing isn't wrong.
    """
    found = _read(raw, ignored=("missing",) if partial else ())
    return () if isinstance(found, Configuration) else tuple(line for _, line in found)


def _read(raw: JsonObject, ignored: Sequence[str] = ()) -> Configuration | list[tuple[str, str]]:
    try:
        # By alias only: were order_notional taken too, an overlay could hold both spellings.
        return Configuration.model_validate_json(json.dumps(raw), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        return [_problem(found) for found in error.errors(include_url=False) if found["type"] not in ignored]


def _problem(error: ErrorDetails) -> tuple[str, str]:
    loc = [_printable(part) for part in error["loc"] if part != "[key]"]
    if error["type"] == BROKEN_RULE:
        key, text = str(error["ctx"]["key"]), str(error["ctx"]["text"])
        path = ".".join([*loc, key] if key else loc)
        return path, f"{path}: {text}"
    path = ".".join(loc)
    if error["type"] == "extra_forbidden":
        return path, f"{path}: unknown key; {_nearest(loc)}"
    if error["type"] == "string_pattern_mismatch" and error["loc"][-1:] == ("[key]",):
        return path, f"{path}: expected an id of small letters, digits and hyphens, found {loc[-1]!r}; rename"
    field = _field(loc)
    expected = (field.description if field else None) or "a JSON object"
    if error["type"] == "missing":
        return path, f"{path}: expected {expected}, found none; add it"
    shown = json.dumps(error["input"], default=str)[:64]
    advice = f"make it {re.sub(r'^.*? should (be )?', '', error['msg'])}"
    if error["type"] == "string_pattern_mismatch":  # a pattern tells a person nothing
        advice = "correct it"
    return path, f"{path or 'configuration'}: expected {expected}, found {shown}; {advice}"


def _printable(part: int | str) -> str:
    text = str(part)[:64]
    return text if text.isprintable() else ascii(text)


def _field(loc: list[str]) -> FieldInfo | None:
    """Return the field that ``loc`` leads to, or the one that holds it where it is a list's or a map's."""
    model: type[Wire] | None = Configuration
    field: FieldInfo | None = None
    for part in loc:
        found = _fields(model).get(part)
        if found is not None:
            field, model = found, _model(found.annotation)
    return field


def _nearest(loc: list[str]) -> str:
    """Return a hint at the key that was meant: first among its neighbours, then anywhere."""
    *above, wrong = loc
    wrong = wrong[:64]
    holder = Configuration if not above else _model(_held(above))
    neighbours = {name: ".".join([*above, name]) for name in _fields(holder)}
    anywhere = {path.rpartition(".")[2]: path for path in _paths(Configuration)}
    for known in (neighbours, anywhere):
        if near := difflib.get_close_matches(wrong, known, n=1):
            return f"did you mean {known[near[0]]}?"
    return f"known here are {', '.join(neighbours)}"


def _held(loc: list[str]) -> object:
    field = _field(loc)
    return field.annotation if field else None


def _paths(model: type[Wire], above: str = "") -> Iterator[str]:
    for name, field in _fields(model).items():
        yield above + name
        if below := _model(field.annotation):
            keyed = ".{id}." if get_origin(field.annotation) is dict else "."
            yield from _paths(below, above + name + keyed)


def _fields(model: type[Wire] | None) -> Mapping[str, FieldInfo]:
    fields = model.model_fields if model else {}
    return {field.alias or name: field for name, field in fields.items()}


def _model(annotation: object) -> type[Wire] | None:
    """Return the model inside ``annotation``: itself, a map's values, or an optional one's."""
    if isinstance(annotation, type) and issubclass(annotation, Wire):
        return annotation
    if get_origin(annotation) in (dict, Union, UnionType):
        return next((model for inner in get_args(annotation) if (model := _model(inner))), None)
    return None
