"""`trader publish`: puts an intent message on the topic, and with --wait shows its result."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue

from trader.domain.errors import Rejected
from trader.domain.wire import JsonObject, write_time
from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import Exit
from trader.entrypoints.cli.message import body_of, checked, identified, json_of
from trader.entrypoints.cli.output import print_json, print_line, tell

if TYPE_CHECKING:
    from trader.entrypoints.cli.told import Told
    from trader.ports import Subscription
    from trader.settings import Settings

TIMEOUT_S = 60.0

EPILOG = """\b
Examples:
  trader publish summary --wait
  trader publish testsignalgenerator --dry-run --set symbol=SPY --wait
  trader publish set-trading-state --set state=halted --reason "news at noon"
  trader publish summary --id morning-1 --wait --json | jq .data.outcome
\b
`trader intents` lists the intents and their fields.
"""


def publish(
    intent: Annotated[str, typer.Argument(metavar="INTENT", help="Its name; see `trader intents`.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide and report, send no order.")] = False,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=JSON",
            help="A field of the message; a word that isn't JSON is taken as text. Repeat it for more.",
        ),
    ] = None,
    id: Annotated[  # noqa: A002 - the option's name
        str | None, typer.Option(metavar="ID", help="The run's identity: the same id never runs twice.")
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="ACCOUNT", help="Must be the worker's, or the message is refused.")
    ] = None,
    expires_at: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME", parser=options.instant, help="Not to be acted on after it, with offset."
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", parser=options.readable, help="Why, for the record.")
    ] = None,
    then: Annotated[
        str | None, typer.Option(metavar="JSON", help="The list of intents to run afterwards.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result and show it.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            parser=options.seconds,
            help="How long to wait; past it the exit code is 3.  [default: 60]",
        ),
    ] = None,
    as_json: options.AsJson = False,
    data_dir: options.DataDir = None,
) -> int:
    """Publish an intent, once it is found to be right.

    Prints the run's key, which its result will name; with --wait the result instead, and the exit code says
    how it ended. A message that its intent would refuse is not published. While no stack runs, it waits on
    disk.
    """
    given: dict[str, JsonValue] = {
        "dryRun": dry_run or None,
        "id": id,
        "account": account,
        "expiresAt": write_time(expires_at) if expires_at else None,
        "reason": reason,
        "then": None if then is None else json_of("--then", then),
    }
    settings = options.settings(data_dir)
    body = body_of(intent, given, fields or [])
    try:
        key = checked(body)
    except Rejected as refusal:
        where = f" ({refusal.field})" if refusal.field else ""
        tell(f"{refusal.code}{where}: {refusal.message}; nothing was published")
        return Exit.WRONG_USE
    return asyncio.run(_publish(settings, body, key, timeout or TIMEOUT_S if wait else None, as_json=as_json))


async def _publish(
    settings: "Settings", body: JsonObject, key: str | None, timeout_s: float | None, *, as_json: bool
) -> int:
    from trader.bootstrap import open_clock, open_topics
    from trader.domain.run_key import message_key
    from trader.entrypoints.cli.stack import running_stack
    from trader.entrypoints.cli.told import print_told

    message = identified(body)
    own = message_key("", message.attributes)
    run = key or own
    topics = await open_topics(settings, open_clock(settings))
    results: Subscription | None = None
    try:
        results = await topics.results(past=False) if timeout_s is not None else None
        message_id = await topics.publish(message)
        if settings.backend == "local" and running_stack(settings.data_dir) is None:
            tell(
                f"published; no local stack is running on {settings.data_dir}, "
                "it will be delivered when `trader dev` runs there"
            )
        if results is None:
            if as_json:
                print_json({"messageId": message_id, "run": run})
            else:
                print_line(run)
            return Exit.OK
        try:
            async with asyncio.timeout(timeout_s):
                # A refusal is told under the message's own key, and an id in use under the topic's for it.
                told = await result_of(results, {run, own, f"message/{message_id}"})
        except TimeoutError:
            tell(
                f"expected a result of the run {run} within {timeout_s:g} s, found none yet; "
                "see `trader results --follow`"
            )
            return Exit.NO_RESULT
        print_told(told, as_json=as_json)
        return told.exit_code
    finally:
        if results is not None:
            await results.close()
        await topics.close()


async def result_of(results: "Subscription", keys: set[str]) -> "Told":
    """Return the first of ``results`` that is of one of the runs ``keys``."""
    from trader.entrypoints.cli.told import read_told

    async for message in results.follow(wait=True):
        told = read_told(message)
        if told is not None and told.result is not None and told.result.id in keys:
            return told
    raise AssertionError("a subscription that waits does not end")
