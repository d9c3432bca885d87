"""`trader replay`: the dead letters with their runs, and those that a person has done once more."""

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import Exit, WrongUse
from trader.entrypoints.cli.output import console, print_json, print_line, show, table

if TYPE_CHECKING:
    from trader.ports import DeadLetters, Publisher, ReceivedMessage
    from trader.runs.replays import Letter, Replays
    from trader.settings import Settings

EPILOG = """\b
Examples:
  trader replay                    the dead letters, their runs, and which can be done once more
  trader replay 1764168071000001   do one once more, under the same run key
  trader replay --all              all that can be
\b
Only a run that failed is done once more, and only when all of its orders are at their end. What it has filled
counts: it decides anew on what is held now. Its age counts from now. Exit code 1: something was refused.
"""

NO_LETTERS = "no dead letters: every message was acknowledged"


def replay(
    letters: Annotated[
        list[str] | None, typer.Argument(metavar="LETTER", help="Ids, as the list shows them.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that can be replayed.")] = False,
    account: options.Account = None,
    data_dir: options.DataDir = None,
    as_json: options.AsJson = False,
) -> int:
    """List the messages that could not be delivered, or publish some of them again."""
    if letters and everything:
        raise WrongUse("expected letters or --all, found both; leave one out")
    wanted = None if everything else tuple(letters or ())
    return asyncio.run(_replay(options.settings(data_dir, account), wanted, as_json=as_json))


async def _replay(settings: "Settings", wanted: Collection[str] | None, *, as_json: bool) -> int:
    """Replay what is ``wanted``, None for all that can be; with nothing wanted, list."""
    from trader import bootstrap
    from trader.discovery import find_intents
    from trader.entrypoints.cli.stored import known_account_of, open_store, takes_unnamed
    from trader.runs.replays import Replays

    async with open_store(settings) as store:
        clock = bootstrap.open_clock(settings)
        account = await known_account_of(store, settings)
        unnamed = await takes_unnamed(store, settings, account)
        replays = Replays(store, clock, find_intents(), account, takes_unnamed=unnamed)
        box = await bootstrap.open_dead_letters(settings, clock)
        try:
            messages = {message.id: message for message in await box.letters()}
            found = await replays.read(list(messages.values()))
            if wanted is not None and not wanted:
                _list(found, as_json=as_json)
                return Exit.OK
            chosen = _chosen(found, wanted)
            if not (chosen or as_json):
                some = f"none of {len(found)} can be replayed; `trader replay` says why"
                print_line(some if found else NO_LETTERS)
            topics = await bootstrap.open_topics(settings, clock)
            try:
                done = [
                    await _one(letter, messages[letter.id], replays, topics, box, as_json=as_json)
                    for letter in chosen
                ]
            finally:
                await topics.close()
        finally:
            await box.close()
    return Exit.OK if all(done) else Exit.OTHER


def _chosen(found: "Sequence[Letter]", wanted: Collection[str] | None) -> "list[Letter]":
    """Return the letters that are wanted; raises WrongUse for one that isn't there."""
    if wanted is None:
        return [letter for letter in found if letter.refusal is None]
    known = {letter.id: letter for letter in found}
    for name in wanted:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise WrongUse(f"expected a dead letter ({listed}), found {name}; `trader replay` lists them")
    return [known[name] for name in dict.fromkeys(wanted)]


async def _one(
    letter: "Letter",
    message: "ReceivedMessage",
    replays: "Replays",
    topics: "Publisher",
    box: "DeadLetters",
    *,
    as_json: bool,
) -> bool:
    """Replay one letter, and return whether it was: published first, and only then removed."""
    from trader.domain.errors import Rejected

    try:
        outgoing = await replays.replay(letter, message)
    except Rejected as refused:
        code, text = refused.code, refused.message
        if as_json:
            print_json({**letter.to_json(), "replayed": False})
        else:
            print_line(f"{letter.id}: refused, {code}: {text}")
        return False
    await topics.publish(outgoing)
    await box.remove(letter.id)
    if as_json:
        print_json({**letter.to_json(), "replayed": True})
    else:
        run = letter.key.text if letter.key else ""
        print_line(f"{letter.id}: published again as {run}; see `trader results --follow`")
    return True


def _list(found: "Sequence[Letter]", *, as_json: bool) -> None:
    if as_json:
        for letter in found:
            print_json(letter.to_json())
        return
    if not found:
        print_line(NO_LETTERS)
        return
    rows = table("letter", "UTC", "intent", "run", "ended", "can be replayed")
    rows.columns[0].min_width = max(len(letter.id) for letter in found)  # what a person copies
    rows.columns[1].min_width = 19
    for letter in found:
        reason = letter.result.reason if letter.result else None
        ended = f"{letter.standing}: {reason.code}" if reason else letter.standing
        can = f"no, {letter.refusal.code}: {letter.refusal.message}" if letter.refusal else "yes"
        at = f"{letter.published_at:%Y-%m-%d %H:%M:%S}"
        run = letter.key.text if letter.key else "-"
        rows.add_row(letter.id, at, letter.intent or "-", run, ended, can)
    show(console(), rows)
