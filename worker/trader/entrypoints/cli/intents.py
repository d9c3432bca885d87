"""`trader intents`: what can be asked of the worker."""

from trader.entrypoints.cli.options import AsJson
from trader.entrypoints.cli.output import console, print_json, show, table

EPILOG = """\b
Examples:
  trader intents         name, class, own fields with defaults (? has none), how long a message is good
  trader intents --json  with the meaning of each field and an example of a message
"""


def intents(as_json: AsJson = False) -> None:
    """List the intents: what can be published, with which fields."""
    from trader.discovery import find_intents
    from trader.schemas.describing import described, good_for, own_fields

    found = find_intents().values()
    if as_json:
        for intent in found:
            print_json(described(intent))
        return
    rows = table("intent", "class", "good for", "own fields", "what it does")
    rows.columns[0].no_wrap = True  # a name is there to be copied
    for intent in found:
        fields = ", ".join(map(str, own_fields(intent))) or "none"
        rows.add_row(intent.name, intent.kind.value, good_for(intent), fields, intent.description)
    show(console(), rows)
