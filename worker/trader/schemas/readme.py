"""The part of the README that is generated: the table of intents."""

import re
from collections.abc import Iterable

from trader.intent import AnyIntent
from trader.schemas.describing import good_for, own_fields

BEGIN, END = "<!-- intents:begin -->", "<!-- intents:end -->"


def with_intents(text: str, intents: Iterable[AnyIntent]) -> str:
    """Return ``text`` with a fresh table between the two markers; without them it comes back as it is."""
    block = f"{BEGIN}\n{intents_table(intents)}{END}"
    return re.sub(f"{BEGIN}.*?{END}", lambda _: block, text, flags=re.DOTALL)


def intents_table(intents: Iterable[AnyIntent]) -> str:
    """Return the table as Markdown, a row an intent."""
    rows = [("intent", "class", "good for", "own fields", "what it does"), ("---",) * 5]
    rows += [
        (
            f"`{intent.name}`",
            intent.kind.value,
            good_for(intent),
            ", ".join(map(str, own_fields(intent))) or "none",
            intent.description,
        )
        for intent in intents
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
