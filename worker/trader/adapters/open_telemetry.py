"""Spans through OpenTelemetry, configured by its own standard variables."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context as otel_context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from trader.domain.errors import TraderError
from trader.tracing import Context

SERVICE = "ib-intents"
FLUSH_MS = 5_000


class OpenTelemetryTracer:
    """The Tracer of this process; a provider of its own, so that no other library's spans join in."""

    def __init__(self, processor: SpanProcessor) -> None:
        named_by_environment = OTELResourceDetector().detect()
        resource = Resource.create({"service.name": SERVICE}).merge(named_by_environment)
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(SERVICE)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str]) -> Iterator[None]:
        # An error's text may name an account or an amount; its code doesn't.
        with self._tracer.start_as_current_span(
            name, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                code = error.code if isinstance(error, TraderError) else type(error).__name__
                span.set_status(Status(StatusCode.ERROR, code))
                raise

    @contextmanager
    def continued(self, context: Context) -> Iterator[None]:
        token = otel_context.attach(self._propagator.extract(dict(context)))
        try:
            yield
        finally:
            otel_context.detach(token)

    def context(self) -> Context:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier

    def close(self) -> None:
        """Send what is still held, within a few seconds."""
        self._provider.force_flush(FLUSH_MS)
        self._provider.shutdown()


def open_tracer(exporter: str) -> OpenTelemetryTracer:
    """Return a tracer whose spans go to ``exporter``, otlp or console, from a thread of its own."""
    return OpenTelemetryTracer(BatchSpanProcessor(_exporter(exporter)))


def _exporter(name: str) -> SpanExporter:
    if name == "console":
        return ConsoleSpanExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
