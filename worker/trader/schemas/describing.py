"""An intent in words: how long its message is good for, its own fields and their defaults."""

import json
from dataclasses import dataclass
from datetime import timedelta

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from trader.domain.wire import JsonObject
from trader.intent import GOOD_FOR, AnyIntent


@dataclass(frozen=True, slots=True)
class OwnField:
    """A field of the intent's own command, as a message spells it."""

    name: str
    description: str
    required: bool
    default: JsonValue

    def __str__(self) -> str:
        if self.required:
            return self.name
        default = self.default if isinstance(self.default, str) else json.dumps(self.default)
        return f"{self.name}?" if self.default is None else f"{self.name} ({default})"


def own_fields(intent: AnyIntent) -> list[OwnField]:
    """Return the fields of the intent's own command, in their order."""
    return [
        OwnField(
            name=field.alias or name,
            description=field.description or "",
            required=field.is_required(),
            default=None
            if field.is_required()
            else to_jsonable_python(field.get_default(call_default_factory=True)),
        )
        for name, field in intent.command.model_fields.items()
    ]


def good_for(intent: AnyIntent) -> str:
    """Return for how long a message of ``intent`` may be acted on."""
    limit = GOOD_FOR[intent.kind]
    if limit is None:
        return "no limit"
    hours, rest = divmod(limit, timedelta(hours=1))
    return f"{limit // timedelta(minutes=1)} min" if rest else f"{hours} h"


def described(intent: AnyIntent) -> JsonObject:
    """Return all of that for a program."""
    limit = GOOD_FOR[intent.kind]
    return {
        "intent": intent.name,
        "class": intent.kind.value,
        "goodForSeconds": None if limit is None else limit.total_seconds(),
        "fields": [
            {"name": f.name, "description": f.description, "required": f.required, "default": f.default}
            for f in own_fields(intent)
        ],
        "description": intent.description,
        "example": intent.example,
    }
