"""The web application: deliveries at /, health at /healthz and /readyz, the worker in its lifespan."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from functions_framework.aio import create_asgi_app
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from trader.bootstrap import Worker, open_worker
from trader.domain.wire import write_time
from trader.entrypoints import function
from trader.entrypoints.push import PushEnvelope
from trader.entrypoints.serving import RUNNER
from trader.ports import Clock
from trader.runner.gateway_telling import as_of
from trader.settings import Settings
from trader.version import version

if TYPE_CHECKING:
    from trader.entrypoints.push_token import Keys


def create_app(
    settings: Settings,
    clock: Clock,
    keys: "Keys | None" = None,
    *,
    at_end: Callable[[], None] | None = None,
) -> Starlette:
    """Return the application of one worker; its lifespan opens and closes all that it uses.

    ``keys`` are what push tokens are verified with, Google's own if none are given. ``at_end`` is called
    last, in a thread: it may take some seconds. After that uvicorn ends the process with its signal.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # ib_insync asks the loop policy for its loop, and uvicorn registers none there.
        asyncio.set_event_loop(asyncio.get_running_loop())
        try:
            async with open_worker(settings, clock) as worker:
                app.state.worker = worker
                yield
        finally:
            if at_end is not None:
                await asyncio.to_thread(at_end)

    target = create_asgi_app(
        target="handle", source=str(Path(function.__file__)), signature_type="cloudevent"
    )
    return Starlette(
        routes=[
            Route("/healthz", _healthz),
            Route("/readyz", _readyz),
            Mount("/", app=_verified(_WithRunner(PushEnvelope(target)), settings, clock, keys)),
        ],
        lifespan=lifespan,
    )


def _verified(app: ASGIApp, settings: Settings, clock: Clock, keys: "Keys | None") -> ASGIApp:
    audience, account = settings.push_audience, settings.push_service_account
    if audience is None or account is None:
        return app
    from trader.adapters.signing_keys import SigningKeys, fetch_google_keys
    from trader.entrypoints.push_token import TokenCheck, VerifiedPush

    keys = keys or SigningKeys(fetch_google_keys, clock)
    return VerifiedPush(app, TokenCheck(audience, account, keys, clock))


class _WithRunner:
    """ASGI middleware: lets the function behind find the runner of this application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = RUNNER.set(scope["app"].state.worker.runner)
        try:
            await self._app(scope, receive, send)
        finally:
            RUNNER.reset(token)


async def _healthz(_: Request) -> JSONResponse:
    return JSONResponse(
        {"status": "ok", "version": version(), "revision": os.environ.get("K_REVISION", "local")}
    )


async def _readyz(request: Request) -> JSONResponse:
    worker: Worker = request.app.state.worker
    ports = worker.ports
    status = await as_of(ports.store, ports.broker.status(), ports.clock.now())
    refusal = worker.runner.refusal
    return JSONResponse(
        {
            "ready": status.ready,
            "gateway": status.state.value,
            "code": status.code,
            "since": write_time(status.since),
            "reason": status.reason,
            "account": status.account,
            "marketData": status.market_data,
            "refusal": refusal
            and {"code": refusal.code, "message": refusal.message, "at": write_time(refusal.at)},
        },
        status_code=200 if status.ready else 503,
    )
