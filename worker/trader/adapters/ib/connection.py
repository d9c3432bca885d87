"""Staying connected to the gateway: where the connection stands, and the loop that mends it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from trader.adapters.ib.changes import Changes
from trader.adapters.ib.session import Session
from trader.adapters.ib.unusable import Unusable
from trader.domain.gateway import TRANSITIONS, GatewayState, GatewayStatus
from trader.domain.status import IntentClass, Mode
from trader.ports import Clock, Nonces
from trader.settings import Settings

BACKOFF_FIRST_S = 0.2
BACKOFF_LONGEST_S = 10.0
STEADY_S = 1.0
"""A connection that was ready for so long is made again at once: it is a drop, not a gateway that refuses."""
HEARTBEAT_S = 25.0
"""A silent gateway keeps its socket open; asking the time this often finds it within a minute."""
CLOCK_TOLERANCE_S = 5.0
"""Ages, sessions and expiry are worked out on our clock, fills and bars on the broker's."""

log = structlog.get_logger(__name__)


class Connection:
    """The connection to one gateway, mended for as long as ``run`` runs.

    ``on_state`` is told each new state. A failed attempt to reconnect that fails like the one before
    changes nothing: ``since`` is when the trouble began.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        on_state: Callable[[GatewayStatus], None] = lambda _status: None,
        *,
        nonce: Nonces,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.changes = Changes()
        self._settings = settings
        self._clock = clock
        self._on_state = on_state
        self._nonce = nonce
        self._heartbeat_s = heartbeat_s
        self._session: Session | None = None
        self._running: asyncio.Task[None] | None = None
        self._delay_s = BACKOFF_FIRST_S
        self._ready_at: float | None = None
        self._status = GatewayStatus(
            GatewayState.CONNECTING,
            clock.now(),
            "not connected yet",
            account=settings.account,
            code="gateway-connecting",
        )

    def status(self) -> GatewayStatus:
        """Return where the connection stands; never raises."""
        return self._status

    def session(self) -> Session:
        """Return the session, synchronised, of the configured account. Raises GatewayNotReady."""
        self._status.require(IntentClass.READING)
        assert self._session is not None  # noqa: S101 - the state is READY only while there is one
        return self._session

    async def run(self) -> None:
        """Connect, and connect again whenever the connection ends, until cancelled."""
        self._running = asyncio.current_task()
        while True:
            session = Session(
                self._nonce(),
                self._judge,
                self.changes.tell,
                answer_s=self._settings.durations.broker_call_s,
            )
            try:
                await self._live(session)
            except Unusable as error:
                self._become(error.state, error.code, error.reason)
            except asyncio.CancelledError:
                self._become(GatewayState.DISCONNECTED, "gateway-disconnected", "the worker is stopping")
                raise
            except Exception as error:
                # Whatever else is wrong, a worker that no longer tries to connect is worse.
                log.exception("gateway-connection-failed")
                self._become(
                    GatewayState.DISCONNECTED, "gateway-broken", f"unexpected {error!r}; see the log"
                )
            finally:
                self._session = None
                await session.close()
            if wait_s := self._wait_s():
                await self._clock.sleep(wait_s)

    def _wait_s(self) -> float:
        """Return how long to wait before the next attempt, longer after each that came to nothing."""
        ready_at, self._ready_at = self._ready_at, None
        if ready_at is not None:
            self._delay_s = BACKOFF_FIRST_S
            if self._clock.monotonic() - ready_at >= STEADY_S:
                return 0
        wait_s = self._delay_s
        self._delay_s = min(wait_s * 2, BACKOFF_LONGEST_S)
        return wait_s

    async def close(self) -> None:
        """Stop ``run`` and wait until its socket is closed."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})

    async def _live(self, session: Session) -> None:
        """Log in, check, then keep the session synchronised until it is lost. Raises Unusable."""
        settings = self._settings
        accounts = await session.login(
            settings.gateway_host,
            settings.gateway_port,
            settings.client_id,
            within_s=settings.durations.connect_s,
        )
        session.account = choose_account(accounts, settings.account, settings.mode)
        await self._check_clock(session)
        self._session = session
        self._status = replace(self._status, account=session.account)
        self._judge(session)
        while not session.lost.done():
            if session.broker_up and not session.synchronised:
                await session.synchronise()
                self._judge(session)
            elif not await session.change(within_s=self._heartbeat_s):
                await self._check_clock(session)
        raise session.lost.result()

    async def _check_clock(self, session: Session) -> None:
        skew_s = (await session.current_time() - self._clock.now()).total_seconds()
        if abs(skew_s) > CLOCK_TOLERANCE_S:
            raise Unusable(
                GatewayState.REFUSED,
                "clock-skew",
                f"expected the gateway's clock within {CLOCK_TOLERANCE_S:g} s of ours, "
                f"found it {skew_s:+.0f} s away: set this machine's clock",
            )

    def _judge(self, session: Session) -> None:
        """Draw the state from the session, at once: what was lost may not be read for a moment longer."""
        if session is not self._session:
            return
        self._status = replace(self._status, market_data=str(session.farms))
        if session.lost.done():
            error = session.lost.result()
            self._become(error.state, error.code, error.reason)
        elif not session.broker_up:
            self._become(
                GatewayState.DEGRADED,
                "gateway-lost-broker",
                f"the gateway has lost its connection to the broker{session.last_words}",
            )
        elif not session.synchronised:
            self._become(
                GatewayState.SYNCHRONISING, "gateway-not-synchronised", "reading the account from the gateway"
            )
        else:
            if self._ready_at is None:
                self._ready_at = self._clock.monotonic()
            self._become(GatewayState.READY, "", f"connected as client {self._settings.client_id}")

    def _become(self, state: GatewayState, code: str, reason: str) -> None:
        """Enter a state; every transition passes here."""
        before = self._status
        if state is not before.state and state not in TRANSITIONS[before.state]:
            log.error("gateway-transition-unexpected", before=before.state.value, after=state.value)
        changed = (state, code) != (before.state, before.code)
        since = self._clock.now() if changed else before.since
        self._status = replace(before, state=state, code=code, reason=reason, since=since)
        if changed:
            self._on_state(self._status)
            self.changes.tell()


def choose_account(accounts: tuple[str, ...], configured: str | None, mode: Mode) -> str:
    """Return the account to trade: the configured one, or else the first that the login manages.

    Raises Unusable if the login doesn't manage it, or if it is a live account in paper mode or the other
    way round. The broker's paper accounts begin with D (DU, DF), its live ones don't.
    """
    account = configured or accounts[0]
    if account not in accounts:
        raise Unusable(
            GatewayState.REFUSED,
            "account-mismatch",
            f"expected account {account}, found {', '.join(accounts)}: "
            "set TRADER_ACCOUNT to one of these, or log the gateway in as another user",
        )
    found = Mode.PAPER if account.startswith("D") else Mode.LIVE
    if found is not mode:
        raise Unusable(
            GatewayState.REFUSED,
            "mode-mismatch",
            f"expected a {mode} account, found the {found} account {account}: "
            "log the gateway in to the other kind, or set TRADER_MODE",
        )
    return account
