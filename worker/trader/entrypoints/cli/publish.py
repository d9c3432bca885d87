"""`trader publish`: puts an intent message on the topic, and with --wait shows its result."""

import asyncio
import base64
import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import JsonValue

from trader.domain.errors import Rejected
from trader.domain.wire import JsonObject, write_time
from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import Exit, WrongUse
from trader.entrypoints.cli.output import print_json, print_line, tell

if TYPE_CHECKING:
    from trader.adapters.local_topic import LocalTopics
    from trader.entrypoints.cli.told import Told
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
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for the record.")] = None,
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
    """Check a message against its intent and publish it to the local stack's topic.

    Prints the message's id; with --wait its result instead, and the exit code says how it ended. A message
    that is refused here is not published. It waits on disk while no stack runs.
    """
    given: dict[str, JsonValue] = {
        "dryRun": dry_run or None,
        "id": id,
        "account": account,
        "expiresAt": write_time(expires_at) if expires_at else None,
        "reason": reason,
        "then": None if then is None else _json("--then", then),
    }
    settings = options.settings(data_dir)
    body = _body(intent, given, fields or [])
    try:
        key = checked(body)
    except Rejected as refusal:
        where = f" ({refusal.field})" if refusal.field else ""
        tell(f"{refusal.code}{where}: {refusal.message}; nothing was published")
        return Exit.WRONG_USE
    return asyncio.run(_publish(settings, body, key, timeout or TIMEOUT_S if wait else None, as_json=as_json))


def checked(body: JsonObject) -> str | None:
    """Return the run key of a message that the worker will understand, None if that is the message's own.

    Raises Rejected, as the worker would.
    """
    from trader.adapters.clock import SystemClock
    from trader.decoding import Delivery, decode
    from trader.discovery import find_intents

    named = body.get("account")
    now = write_time(SystemClock().now())
    message = {"messageId": "0", "publishTime": now, "data": base64.b64encode(encoded(body)).decode()}
    delivery = Delivery.model_validate({"message": message})
    request = decode(delivery, find_intents(), named if isinstance(named, str) else "unnamed")
    return request.key.text if request.message.id else None


def encoded(body: JsonObject) -> bytes:
    """Return ``body`` as a message's data; raises WrongUse for what no UTF-8 can write."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise WrongUse(
            "expected text in UTF-8, found bytes that are not; check the terminal's encoding"
        ) from None


def _body(intent: str, given: dict[str, JsonValue], fields: list[str]) -> JsonObject:
    body: JsonObject = {"intent": intent}
    for text in fields:
        name, equals, said = text.partition("=")
        if not equals or not name:
            raise WrongUse(f"expected --set KEY=JSON such as symbol=SPY, found {text!r}")
        _put(body, name, _json_or_text(said))
    for name, value in given.items():
        if value is not None:
            _put(body, name, value)
    return body


def _put(body: JsonObject, name: str, value: JsonValue) -> None:
    if name in body:
        raise WrongUse(f"expected the field {name} once, found it twice; leave one out")
    body[name] = value


def _json_or_text(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


def _json(option: str, text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError as error:
        raise WrongUse(
            f"expected JSON after {option}, found {text[:60]!r} ({error}); check the quotes"
        ) from None
    return value


async def _publish(
    settings: "Settings", body: JsonObject, key: str | None, timeout_s: float | None, *, as_json: bool
) -> int:
    from trader.adapters.clock import SystemClock
    from trader.bootstrap import open_topics
    from trader.entrypoints.cli.stack import running_stack
    from trader.entrypoints.cli.told import print_told
    from trader.ports import OutgoingMessage, Topic

    topics = await open_topics(settings, SystemClock())
    try:
        after = await topics.last_id()
        message_id = await topics.publish(OutgoingMessage(Topic.INTENTS, encoded(body)))
        if running_stack(settings.data_dir) is None:
            tell(
                f"published; no local stack is running on {settings.data_dir}, "
                "it will be delivered when `trader dev` runs there"
            )
        if timeout_s is None:
            if as_json:
                print_json({"messageId": message_id, "run": key or f"message/{message_id}"})
            else:
                print_line(message_id)
            return Exit.OK
        try:
            async with asyncio.timeout(timeout_s):
                told = await result_of(topics, {key, f"message/{message_id}"}, after)
        except TimeoutError:
            tell(
                f"expected a result of message {message_id} within {timeout_s:g} s, found none yet; "
                "see `trader results --follow`"
            )
            return Exit.NO_RESULT
        print_told(told, as_json=as_json)
        return told.exit_code
    finally:
        await topics.close()


async def result_of(topics: "LocalTopics", keys: set[str | None], after: str) -> "Told":
    """Return the first result of one of the runs ``keys`` that is told after the message ``after``."""
    from trader.entrypoints.cli.told import read_told
    from trader.ports import Topic

    async for message in topics.subscription(Topic.RESULTS, after=after).follow(wait=True):
        told = read_told(message)
        if told.result is not None and told.result.id in keys:
            return told
    raise AssertionError("a subscription that waits does not end")
