"""`trader doctor`: what is wrong with a set-up, what it would do, and what mends it. It changes nothing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trader.entrypoints.cli import options
from trader.entrypoints.cli.errors import Exit, WrongUse
from trader.entrypoints.cli.output import console, print_json, print_line, show, table

if TYPE_CHECKING:
    from datetime import datetime

    import httpx

    from trader.doctor.facts import Answers, Service, Topics, Unknown
    from trader.doctor.report import Line
    from trader.ports import Clock
    from trader.settings import Settings

PROBE_S = 15
"""A worker whose store doesn't answer says so at /readyz only once it has waited for that."""

CLOSED = (401, 403)
PROXY = "closed to all but its pusher; name with --url what `gcloud run services proxy NAME` opens here"

EPILOG = """\b
Examples:
  trader doctor                                           the local stack, or what the environment names
  eval "$(trader gcloud-env)" && trader doctor            what `trader dev --google` runs
  gcloud run services describe worker --format=json > service.json
  trader doctor --service service.json --url https://…    a deployment
\b
Exit code 1: something would lose an intent, or could move money twice.
"""


def doctor(
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The worker's address.  [default: that of the local stack]"),
    ] = None,
    service: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=options.existing_file,
            help="What `gcloud run services describe NAME --format=json` printed.",
        ),
    ] = None,
    schedules: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=options.existing_file, help="Another than infra/schedules.yaml."),
    ] = None,
    account: options.Account = None,
    data_dir: options.DataDir = None,
    as_json: options.AsJson = False,
) -> int:
    """Look at a set-up, and explain each finding; what can't be looked at is said to be unchecked."""
    from trader.doctor.report import Verdict

    settings = options.settings(data_dir, account)
    if service is not None and settings.backend != "google":
        raise WrongUse(
            f"expected TRADER_BACKEND=google with --service, found {settings.backend}; "
            "set it, and TRADER_PROJECT"
        )
    lines = asyncio.run(_lines(settings, url, _service(service), schedules))
    if as_json:
        for line in lines:
            print_json(line.to_json())
    else:
        _print(lines)
    return Exit.OTHER if any(line.verdict is Verdict.DANGER for line in lines) else Exit.OK


def _service(file: Path | None) -> "Service | Unknown":
    from trader.doctor.description import read_service
    from trader.doctor.facts import Unknown

    if file is None:
        return Unknown("no description of a Cloud Run service was given; see --service")
    try:
        return read_service(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise WrongUse(
            f"expected what `gcloud run services describe NAME --format=json` prints, found {file}"
        ) from None


async def _lines(
    settings: "Settings", url: str | None, service: "Service | Unknown", schedules: Path | None
) -> "list[Line]":
    from trader.bootstrap import open_clock
    from trader.doctor.deadlines import check_deadlines
    from trader.doctor.report import ok, unchecked
    from trader.doctor.service import as_deployed, check_service
    from trader.doctor.subscription import check_topics
    from trader.doctor.worker import check_worker
    from trader.version import version

    clock, given = open_clock(settings), settings
    settings = as_deployed(given, service)
    lines = list(check_deadlines(settings.durations))
    if settings.backend == "google":
        topics = await _topics(settings)
        lines += check_topics(topics, settings)
        lines += check_service(service, topics, given)
        if settings.pubsub_emulator is None:
            jobs = "the jobs of Cloud Scheduler aren't read here: `gcloud scheduler jobs list` shows them"
            lines.append(unchecked("scheduler-jobs", jobs))
    else:
        lines.append(ok("topics", f"files in {settings.data_dir}, delivered by `trader dev`"))
    account, stored = await _stored(settings, clock, schedules)
    lines += stored
    lines += check_worker(await _answers(settings, url, clock), account, version())
    return lines


async def _topics(settings: "Settings") -> "Topics | Unknown":
    from trader.adapters.google.inspection import PubsubInspection
    from trader.bootstrap import project_of

    inspection = PubsubInspection(project_of(settings), emulator=settings.pubsub_emulator)
    try:
        return await inspection.topics(settings.intents_topic, settings.results_topic)
    finally:
        await inspection.close()


async def _stored(
    settings: "Settings", clock: "Clock", schedules: Path | None
) -> "tuple[str | None, list[Line]]":
    """Return the account that is meant, and what the store says of it."""
    from trader.doctor.report import danger
    from trader.doctor.stored import check_store
    from trader.domain.errors import StoreUnavailable
    from trader.entrypoints.cli.stored import account_of, open_store

    try:
        async with open_store(settings) as store:
            try:
                account = await account_of(store, settings)
            except WrongUse:
                account = None
            lines = await check_store(store, account, settings)
            if all(line.code != "store" or line.verdict.value == "ok" for line in lines):
                lines += await _schedules(store, clock, schedules)
            return account, lines
    except StoreUnavailable as error:
        why = f"{error.code}: {error.message}"
        return settings.account, [danger("store", "a store that answers", why, "see the reason")]


async def _schedules(store: object, clock: "Clock", file: Path | None) -> "list[Line]":
    from trader.adapters.calendars import ExchangeCalendars
    from trader.doctor.report import danger, unchecked
    from trader.doctor.schedules import check_schedules
    from trader.domain.errors import Failed, Rejected
    from trader.entrypoints.cli.schedule_file import USUAL, read_with_calendars
    from trader.stored.schedules import applied_schedules

    if file is None and not USUAL.is_file():
        return [unchecked("schedules", f"there is no {USUAL} here; name a file with --schedules")]
    try:
        found, hours = await read_with_calendars(file, clock, ExchangeCalendars())
    except WrongUse as error:
        return [danger("schedules", "schedules that a worker understands", str(error), "correct the file")]
    try:
        applied = await applied_schedules(store)  # type: ignore[arg-type]
    except (Rejected, Failed):
        applied = None
    return check_schedules(found, hours, applied)


async def _answers(settings: "Settings", url: str | None, clock: "Clock") -> "Answers | Unknown":
    """Ask the worker at ``url``, or that of the stack that runs on the data folder."""
    import httpx

    from trader.doctor.facts import Unknown
    from trader.entrypoints.cli.stack import running_stack

    stack = running_stack(settings.data_dir)
    address = url or (stack.worker if stack else None)
    if address is None:
        return Unknown("no worker to ask: no stack runs here, and no --url was given")
    try:
        async with httpx.AsyncClient(base_url=address, timeout=PROBE_S, trust_env=url is not None) as client:
            health = await client.get("/healthz")
            at = clock.now()
            if health.status_code in CLOSED:
                return Unknown(f"{address} answered {health.status_code}: {PROXY}")
            return _said(health, await client.get("/readyz"), at)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        return Unknown(f"{address} doesn't answer as a worker does: {type(error).__name__}")


def _said(health: "httpx.Response", readiness: "httpx.Response", at: "datetime") -> "Answers":
    """Return what a worker answered; raises ValueError, KeyError or TypeError for another server's words."""
    from email.utils import parsedate_to_datetime

    from trader.doctor.facts import Answers, Refusal

    said, date = readiness.json(), health.headers.get("date")
    refusal = said.get("refusal")
    return Answers(
        version=health.json()["version"],
        ready=said["ready"],
        gateway=said["gateway"],
        reason=said["reason"],
        account=said["account"],
        at=at,
        date=parsedate_to_datetime(date) if date else None,
        refusal=Refusal(refusal["code"], refusal["message"], refusal["at"]) if refusal else None,
    )


def _print(lines: "Sequence[Line]") -> None:
    from rich.text import Text

    from trader.doctor.report import Verdict

    styles = {Verdict.OK: "green", Verdict.UNCHECKED: "dim", Verdict.WARNING: "yellow", Verdict.DANGER: "red"}
    rows = table("", "what", "")
    rows.columns[1].no_wrap = True
    for line in lines:
        text = Text(line.message)
        if line.advice:
            text.append(f"\n{line.advice}", style="dim")
        rows.add_row(Text(line.verdict.value, style=styles[line.verdict]), line.code, text)
    show(console(), rows)
    dangers = sum(line.verdict is Verdict.DANGER for line in lines)
    findings = dangers + sum(line.verdict is Verdict.WARNING for line in lines)
    if findings:
        many = "finding" if findings == 1 else "findings"
        print_line(
            f"{findings} {many}, {dangers or 'none'} of which would lose an intent or move money twice"
        )
    else:
        print_line("nothing is wrong with what could be checked")
