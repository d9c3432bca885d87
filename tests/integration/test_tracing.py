"""Traces: one from a message to its result and to what follows from it; nothing at all unless configured."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.crash import ACCOUNT, Fate, Theatre, theatre
from tests.support.deliveries import delivery
from tests.support.play import MANY, misbehaves, signal
from trader import tracing
from trader.adapters.open_telemetry import OpenTelemetryTracer
from trader.domain.wire import JsonObject
from trader.ports import Topic
from trader.settings import SettingsError, trace_exporter

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "tracestate": "vendor=1"}
SIGNAL = signal("SPY")


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Trace what the test does, and yield where the spans go."""
    exporter = InMemorySpanExporter()
    tracer = OpenTelemetryTracer(SimpleSpanProcessor(exporter))
    tracing.use(tracer)
    yield exporter
    tracing.use(None)
    tracer.close()


async def carried_out(world: Theatre, body: JsonObject, name: str, **attributes: str) -> None:
    message = delivery(body, published_at=world.clock.now(), message_id=name, attributes=attributes)
    async with world.worker() as runner:
        assert await world.deliver(runner, message)


async def published(world: Theatre, topic: Topic) -> list[dict[str, Any]]:
    return [dict(m.attributes) async for m in world.topics.subscription(topic).follow(wait=False)]


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def path_of(span: ReadableSpan, exporter: InMemorySpanExporter) -> str:
    """Return the names of a span and all that it is inside of."""
    known = {found.context.span_id: found for found in exporter.get_finished_spans() if found.context}
    names = [span.name]
    while span.parent and span.parent.span_id in known:
        span = known[span.parent.span_id]
        names.append(span.name)
    return "/".join(reversed(names))


async def test_the_spans_of_a_run_belong_to_the_trace_of_its_message_and_are_nested(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        await carried_out(world, SIGNAL, "traced", **PARENT)
        found = spans.get_finished_spans()
        assert {f"{span.context.trace_id:032x}" for span in found if span.context} == {TRACE}
        paths = {path_of(span, spans) for span in found}
        assert paths == {
            "delivery",
            "delivery/decode",
            "delivery/claim",
            "delivery/handler",
            "delivery/handler/order",
            "delivery/publish",
        }
        (told,) = await published(world, Topic.RESULTS)
        (publish,) = named(spans, "publish")
        assert publish.context is not None
        assert told["traceparent"] == f"00-{TRACE}-{publish.context.span_id:016x}-01"
        assert told["tracestate"] == "vendor=1"


async def test_what_follows_from_a_run_belongs_to_its_trace_and_so_does_a_redelivery(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        chain: JsonObject = {"intent": "summary", "then": [{"intent": "summary"}]}
        await carried_out(world, chain, "chain", **PARENT)
        (follow_up,) = await published(world, Topic.INTENTS)
        assert follow_up["traceparent"].split("-")[1] == TRACE
        await carried_out(world, chain, "chain", **PARENT)
        assert {told["traceparent"].split("-")[1] for told in await published(world, Topic.RESULTS)} == {
            TRACE
        }


async def test_a_run_that_a_sweep_ends_belongs_to_the_trace_of_its_message(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        message = delivery(SIGNAL, published_at=world.clock.now(), message_id="m", attributes=PARENT)
        async with world.worker(Fate(1, "after", "orders.place")) as runner:
            assert not await world.deliver(runner, message)
        await world.until_swept()
        assert {f"{s.context.trace_id:032x}" for s in spans.get_finished_spans() if s.context} == {TRACE}
        assert named(spans, "sweep")


async def test_a_message_without_a_trace_begins_one(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    async with theatre(tmp_path) as world:
        await carried_out(world, {"intent": "summary"}, "fresh")
        (told,) = await published(world, Topic.RESULTS)
        (root,) = named(spans, "delivery")
        assert (root.parent, root.context and f"{root.context.trace_id:032x}") == (
            None,
            told["traceparent"].split("-")[1],
        )


async def test_no_span_holds_an_account_an_amount_or_a_body(
    tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with theatre(tmp_path) as world:
        await world.configured(**MANY)
        misbehaves(world.gateway, "rejected-then-inactive")
        await carried_out(world, {**SIGNAL, "reason": "SECRET-OF-THE-BODY"}, "m", **PARENT)
        message = delivery({"intent": "summary"}, published_at=world.clock.now(), message_id="n")
        async with world.worker(Fate(1, "refused", "store.commit")) as runner:
            assert not await world.deliver(runner, message)
        text = "".join(span.to_json() for span in spans.get_finished_spans())
        assert "store-unavailable" in text, "an error is told by its code"
        for secret in (ACCOUNT, "SECRET-OF-THE-BODY", "EQUITY", "whether applied"):
            assert secret not in text


async def test_untraced_the_context_of_a_message_goes_on_to_its_result(tmp_path: Path) -> None:
    async with theatre(tmp_path) as world:
        await carried_out(world, {"intent": "summary"}, "m", **{f"ce-{k}": v for k, v in PARENT.items()})
        await carried_out(world, {"intent": "summary"}, "n")
        with_it, without = await published(world, Topic.RESULTS)
        assert {name: with_it[name] for name in PARENT} == PARENT
        assert not set(PARENT) & set(without)


def test_unless_configured_nothing_of_it_is_imported() -> None:
    code = (
        "import sys; import trader.entrypoints.serve, trader.runner.runner; "
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("variables", "exporter"),
    [
        ({}, None),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, None),
    ],
)
def test_opentelemetrys_own_variables_say_where_spans_go(
    variables: dict[str, str], exporter: str | None
) -> None:
    assert trace_exporter(variables) == exporter


def test_an_exporter_that_is_not_here_is_refused_by_its_name() -> None:
    with pytest.raises(SettingsError, match="expected otlp, console or none, found 'zipkin'"):
        trace_exporter({"OTEL_TRACES_EXPORTER": "zipkin"})
