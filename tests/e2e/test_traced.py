"""A worker that is told to trace sends its spans to a collector, and does its work where there is none."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.stack import stack


@contextmanager
def collector() -> Iterator[tuple[str, list[str]]]:
    """Serve OTLP over HTTP; yield its address, and the names of the spans that came."""
    names: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                names.extend(span.name for scope in group.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", names
        finally:
            server.shutdown()
            serving.join()


def test_spans_reach_a_collector_at_the_latest_as_the_worker_stops(tmp_path: Path) -> None:
    with collector() as (address, names):
        given = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        with stack(tmp_path, variables=given) as local:
            local.trader("publish", "summary", "--wait")
            local.dev.process.send_signal(signal.SIGTERM)
            assert local.dev.ended() == 0
    assert {"delivery", "decode", "claim", "handler", "publish"} <= set(names)


def test_a_collector_that_is_not_there_keeps_no_result_back(tmp_path: Path) -> None:
    with stack(tmp_path, variables={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}) as local:
        assert "succeeded" in local.trader("publish", "summary", "--wait")
        local.dev.process.send_signal(signal.SIGTERM)
        assert local.dev.ended() == 0
