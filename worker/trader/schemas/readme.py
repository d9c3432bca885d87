"""The parts of the README that are generated: the table of intents, and a gcloud line for each."""

import json
import re
import shlex
from collections.abc import Iterable

from trader.intent import AnyIntent
from trader.schemas.describing import good_for, own_fields


def with_intents(text: str, intents: Iterable[AnyIntent]) -> str:
    """Return ``text`` with fresh parts between their markers; without those it comes back as it is."""
    found = tuple(intents)
    text = _between("intents", intents_table(found), text)
    return _between("gcloud", f"```sh\n{gcloud_lines(found)}```\n", text)


def _between(name: str, part: str, text: str) -> str:
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    return re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{part}{end}", text, flags=re.DOTALL)


def gcloud_lines(intents: Iterable[AnyIntent]) -> str:
    """Return the command that publishes each intent's example, a line each."""
    return "".join(
        f"gcloud pubsub topics publish intents --message={shlex.quote(json.dumps(intent.example))}\n"
        for intent in intents
    )


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
