"""The worker's process: one server, one event loop."""

import gc
import os
import random
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from trader import tracing
from trader.bootstrap import Worker, open_clock
from trader.entrypoints.asgi import create_app
from trader.entrypoints.parent import exit_with_parent
from trader.logs import configure
from trader.settings import Settings, SettingsError, trace_exporter


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM; ``PORT`` says where (8080), as Cloud Run sets it.

    With ``--exit-with-parent`` the process also ends when its standard input does, so that a supervisor
    that is killed leaves nothing behind.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        settings, port = Settings.load(), _port(os.environ.get("PORT", "8080"))
        exporter = trace_exporter()
    except SettingsError as error:
        sys.stderr.write(f"trader: {error}\n")
        return 2
    configure(settings.log_level)
    gc.disable()  # until it serves: what is loaded now stays, and looking through it takes a while
    if "--exit-with-parent" in given:
        exit_with_parent()
    app = create_app(settings, open_clock(settings), at_end=_traced(exporter))
    config = uvicorn.Config(
        app,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nothing asks who a request came from
        timeout_graceful_shutdown=int(settings.durations.lease_s),
        timeout_keep_alive=75,
    )
    _Server(config, app).run()
    return 0


def _stay_on_one_processor() -> None:
    """Keep all threads where the event loop runs, so that none of them has to fetch what another has cached.

    Only one of them runs at a time anyway, as the interpreter has one lock. macOS can't do it.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            processor = {random.choice(sorted(os.sched_getaffinity(0)))}
            for thread in Path("/proc/self/task").iterdir():
                os.sched_setaffinity(int(thread.name), processor)


def _traced(exporter: str | None) -> Callable[[], None] | None:
    """Trace from now on where an exporter is configured, and return what sends the last spans."""
    if exporter is None:
        return None
    from trader.adapters.open_telemetry import open_tracer

    tracer = open_tracer(exporter)
    tracing.use(tracer)
    return tracer.close


class _Server(uvicorn.Server):
    """Tells the worker of SIGTERM at once, where uvicorn itself first waits for the requests under way."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does; from then on garbage is looked for among what came later."""
        await super().startup(sockets)
        _stay_on_one_processor()
        gc.freeze()
        gc.enable()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Let no further order go, then stop as uvicorn does."""
        worker: Worker | None = getattr(self._app.state, "worker", None)
        if worker is not None:
            worker.runner.drain()
        super().handle_exit(sig, frame)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise SettingsError(f"PORT: expected a port from 0 to 65535, found {text!r}")


if __name__ == "__main__":
    sys.exit(main())
