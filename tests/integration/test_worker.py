"""A push envelope goes in, ib_insync talks to a gateway over a socket, a result event comes out."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway_simulator.accounts import Account
from gateway_simulator.gateway import Gateway
from gateway_simulator.server import serve
from tests.support.gateway import ACCOUNT, RunningWorker, running_worker
from tests.support.ib import simulated
from trader.domain.messages import Result
from trader.domain.orders import OrderState
from trader.domain.status import Mode
from trader.ports import Update
from trader.stored import records

SUMMARY = {"intent": "summary"}
LIVE = {"intent": "testsignalgenerator"}
ACTIVATE = {"intent": "set-trading-state", "state": "active", "reason": "test"}
SIGNAL = {"intent": "testsignalgenerator", "dryRun": True}


@asynccontextmanager
async def served(gateway: Gateway, data_dir: Path, **given: Any) -> AsyncIterator[RunningWorker]:
    """A worker that is ready, over a gateway that behaves as it was made."""
    async with serve(gateway) as server, running_worker(gateway, server.port, data_dir, **given) as worker:
        await worker.until_ready()
        yield worker


def code_of(result: Result) -> tuple[str, str | None]:
    return result.status.value, result.reason.code if result.reason else None


def outcome_of(result: Result) -> dict[str, Any]:
    assert result.outcome is not None
    return result.outcome


# -- summary ----------------------------------------------------------------------------------------------


async def test_a_summary_tells_what_the_account_holds(tmp_path: Path) -> None:
    gateway = simulated(
        accounts={ACCOUNT: Account(ACCOUNT, base="EUR", cash={"EUR": Decimal(5000), "USD": Decimal(70)})}
    )
    async with served(gateway, tmp_path) as worker:
        outcome = outcome_of(await worker.result_of(SUMMARY))
    values = {(v["name"], v["currency"]): v["value"] for v in outcome["account"]["values"]}
    assert outcome["account"]["baseCurrency"] == "EUR"
    assert Decimal(values["CashBalance", "EUR"]) == 5000
    assert Decimal(values["CashBalance", "USD"]) == 70
    assert outcome["gateway"]["state"] == "ready"
    assert outcome["tradingState"] == "halted", "nobody has set a state yet"


async def test_two_hundred_summaries_ask_the_gateway_nothing(tmp_path: Path) -> None:
    gateway = simulated()
    async with served(gateway, tmp_path) as worker:
        asked = dict(gateway.requests)
        answers = await asyncio.gather(*(worker.push(SUMMARY) for _ in range(200)))
        assert {answer.status_code for answer in answers} == {204}
        assert dict(gateway.requests) == asked
        assert len(await worker.results()) == 200


# -- the gateway comes and goes ---------------------------------------------------------------------------


async def test_without_a_gateway_the_worker_serves_says_why_and_recovers_by_itself(tmp_path: Path) -> None:
    gateway = simulated()
    port = free_port()
    async with running_worker(gateway, port, tmp_path, account=ACCOUNT) as worker:
        await worker.until_gateway_is("disconnected")
        readiness = await worker.readiness()
        assert readiness.status_code == 503
        assert readiness.json()["reason"]
        sent_back = await worker.push(SUMMARY, message_id="7")
        assert (sent_back.status_code, sent_back.text) == (503, "gateway-disconnected")
        async with serve(gateway, port=port):
            await worker.until_ready()
            assert (await worker.push(SUMMARY, message_id="7", attempt=2)).status_code == 204
            assert [(r.id, code_of(r)) for r in await worker.results()] == [
                ("message/7", ("succeeded", None))
            ]


async def test_a_control_intent_is_carried_out_without_a_gateway(tmp_path: Path) -> None:
    async with running_worker(simulated(), free_port(), tmp_path, account=ACCOUNT) as worker:
        halt = {"intent": "set-trading-state", "state": "halted", "reason": "no gateway"}
        assert code_of(await worker.result_of(halt)) == ("succeeded", None)


async def test_a_worker_that_does_not_know_its_account_yet_sends_back(tmp_path: Path) -> None:
    async with running_worker(simulated(), free_port(), tmp_path) as worker:
        assert (await worker.push(SUMMARY)).text == "account-unknown"


async def test_a_store_that_has_served_one_account_refuses_the_gateway_of_another(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path):
        pass
    other = simulated(accounts={"DU7654321": Account("DU7654321")})
    async with serve(other) as server, running_worker(other, server.port, tmp_path) as worker:
        refused = await worker.until_gateway_is("refused")
        assert "DU1234567" in refused["reason"]
        assert (await worker.push(SUMMARY)).status_code == 503


async def test_a_live_account_is_refused_in_paper_mode(tmp_path: Path) -> None:
    live = simulated(accounts={"U1234567": Account("U1234567")})
    async with serve(live) as server, running_worker(live, server.port, tmp_path, mode=Mode.PAPER) as worker:
        await worker.until_gateway_is("refused")
        assert (await worker.push(SUMMARY)).status_code == 503


async def test_a_gateway_that_goes_silent_in_the_middle_is_a_503_and_no_guess(tmp_path: Path) -> None:
    async with served(simulated(("reqHistoricalData", "silent")), tmp_path) as worker:
        await worker.configured()
        sent_back = await worker.push(SIGNAL, message_id="7")
        assert (sent_back.status_code, sent_back.text) == (503, "gateway-silent")
        await worker.until_ready()
        assert (await worker.push(SIGNAL, message_id="7", attempt=2)).status_code == 204
        assert [code_of(result) for result in await worker.results()] == [("succeeded", None)]


async def test_a_socket_that_drops_in_the_middle_is_a_503_and_then_recovers(tmp_path: Path) -> None:
    async with served(simulated(("reqHistoricalData", "drop")), tmp_path) as worker:
        await worker.configured()
        assert (await worker.push(SIGNAL, message_id="7")).status_code == 503
        await worker.until_ready()
        assert (await worker.push(SIGNAL, message_id="7", attempt=2)).status_code == 204


# -- the test signal --------------------------------------------------------------------------------------


async def test_a_dry_test_signal_tells_the_order_it_would_send_and_sends_none(tmp_path: Path) -> None:
    gateway = simulated()
    async with served(gateway, tmp_path) as worker:
        await worker.configured()
        result = await worker.result_of(SIGNAL)
    outcome, (order,) = outcome_of(result), result.orders
    assert code_of(result) == ("succeeded", None)
    assert outcome["signal"] in ("long", "short")
    assert (outcome["signal"] == "long") == (outcome["indicators"]["macd"] > outcome["indicators"]["signal"])
    assert (outcome["signal"] == "long") == (order.quantity > 0)
    price = Decimal(outcome["price"])
    assert abs(order.quantity) == Decimal(45_000) // price, "half of ninety percent of a hundred thousand"
    assert (order.instrument, order.state, order.filled) == ("SPY", OrderState.PLANNED, Decimal(0))
    assert outcome["refusals"] == []
    assert gateway.requests["placeOrder"] == 0


async def test_a_live_test_signal_is_refused_while_trading_is_halted(tmp_path: Path) -> None:
    gateway = simulated()
    async with served(gateway, tmp_path) as worker:
        await worker.configured()
        assert code_of(await worker.result_of(LIVE)) == ("rejected", "halted")
    assert gateway.requests["placeOrder"] == 0


async def test_a_live_test_signal_places_one_order_and_books_its_fill(tmp_path: Path) -> None:
    gateway = simulated()
    async with served(gateway, tmp_path) as worker:
        await worker.configured()
        await worker.result_of(ACTIVATE)
        result = await worker.result_of(LIVE, message_id="7")
        again = await worker.result_of(LIVE, message_id="7")
        flat = await worker.result_of(LIVE)
    (order,) = result.orders
    assert code_of(result) == ("succeeded", None)
    assert (order.state, order.filled) == (OrderState.FILLED, order.quantity)
    assert again == result
    assert flat.orders == (), "what it wants is held, so the next signal of the same side does nothing"
    assert gateway.requests["placeOrder"] == 1


async def test_a_closed_market_is_reported_by_a_dry_run(tmp_path: Path) -> None:
    thanksgiving = datetime(2026, 11, 26, 16, 0, tzinfo=UTC)
    async with served(simulated(at=thanksgiving), tmp_path) as worker:
        await worker.configured()
        result = await worker.result_of(SIGNAL)
    (refusal,) = outcome_of(result)["refusals"]
    assert refusal["code"] == "market-closed"
    assert "2026-11-27 09:30" in refusal["message"]
    assert len(result.orders) == 1


async def test_without_a_configuration_nothing_is_planned(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path) as worker:
        assert code_of(await worker.result_of(SIGNAL)) == ("rejected", "config-missing")


async def test_a_configuration_that_is_wrong_is_named_by_its_key(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path) as worker:
        await worker.configured(exposure={"overal": 1})
        result = await worker.result_of(SIGNAL)
    assert code_of(result) == ("rejected", "config-invalid")
    assert result.reason is not None
    assert result.reason.field == "exposure.overal"


async def test_a_configuration_of_another_account_is_not_used(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path) as worker:
        await worker.configured(account="DU9", allowedAccounts=["DU9"])
        assert code_of(await worker.result_of(SIGNAL)) == ("rejected", "config-invalid")


async def test_an_unknown_symbol_is_rejected(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path) as worker:
        await worker.configured()
        result = await worker.result_of({**SIGNAL, "symbol": "ZZZZ"})
    assert code_of(result) == ("rejected", "unknown-instrument")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"limits": {"orderNotional": 100}}, "order-notional"),
        ({"strategies": {}, "exposure": {}}, None),  # no exposure is Flat, and nothing is held
    ],
)
async def test_limits_are_reported_by_a_dry_run(tmp_path: Path, changes: Any, code: str | None) -> None:
    async with served(simulated(), tmp_path) as worker:
        await worker.configured(**changes)
        outcome = outcome_of(await worker.result_of(SIGNAL))
    assert [refusal["code"] for refusal in outcome["refusals"]] == ([code] if code else [])


async def test_a_bad_bar_holds_and_sizes_nothing(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path) as worker:
        await worker.configured(limits={"orderNotional": 100_000, "barJumpPercent": "0.00001"})
        result = await worker.result_of(SIGNAL)
    outcome = outcome_of(result)
    assert (outcome["signal"], result.orders) == ("hold", ())
    assert [refusal["code"] for refusal in outcome["refusals"]] == ["bar-jump"]


# -- the trading state ------------------------------------------------------------------------------------


async def test_a_late_active_does_not_undo_a_halt(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path) as worker:
        early = worker.clock.now() - timedelta(minutes=5)
        active = {"intent": "set-trading-state", "state": "active", "reason": "morning"}
        halt = {"intent": "set-trading-state", "state": "halted", "reason": "news"}
        assert code_of(await worker.result_of(active)) == ("succeeded", None)
        assert code_of(await worker.result_of(halt, published_at=early)) == ("succeeded", None)
        late = await worker.result_of(active, published_at=early)
        assert code_of(late) == ("rejected", "state-not-newer")
        assert outcome_of(await worker.result_of(SUMMARY))["tradingState"] == "halted"


async def test_a_dry_change_of_state_changes_nothing(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path) as worker:
        dry = {"intent": "set-trading-state", "state": "active", "reason": "look", "dryRun": True}
        assert outcome_of(await worker.result_of(dry)) == {"before": "halted", "after": "active"}
        assert outcome_of(await worker.result_of(SUMMARY))["tradingState"] == "halted"


async def test_a_dry_change_of_state_says_when_it_would_be_refused(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path) as worker:
        halt = {"intent": "set-trading-state", "state": "halted", "reason": "news"}
        await worker.result_of(halt)
        late = {**halt, "state": "active", "dryRun": True}
        early = worker.clock.now() - timedelta(minutes=1)
        assert code_of(await worker.result_of(late, published_at=early)) == ("rejected", "state-not-newer")


async def test_a_damaged_trading_state_is_named_and_can_still_be_halted(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path) as worker:
        halt = {"intent": "set-trading-state", "state": "halted", "reason": "news"}
        await worker.result_of(halt)
        store, path = worker.worker.ports.store, records.trading_state_path(ACCOUNT)
        document = await store.get(path)
        assert document is not None
        await store.commit([Update(path, {"state": "on"}, document.version)])
        damaged = await worker.result_of(SUMMARY)
        assert code_of(damaged) == ("failed", "document-damaged")
        assert damaged.reason is not None
        assert path in damaged.reason.message
        active = {**halt, "state": "active"}
        assert code_of(await worker.result_of(active)) == ("failed", "document-damaged")
        assert code_of(await worker.result_of(halt)) == ("succeeded", None)
        assert code_of(await worker.result_of(SUMMARY)) == ("succeeded", None)


# -- logs -------------------------------------------------------------------------------------------------


async def test_logs_name_the_run_and_tell_no_body_and_no_amount(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path) as worker:
        await worker.configured()
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
            await worker.result_of({**SUMMARY, "reason": "a private thought"}, message_id="7")
            signal = await worker.result_of({**SIGNAL, "id": "x"})
            await worker.result_of({"intent": "summary", "secret": "hush"})
    text = json.dumps(logs)
    assert {"message/7", "id/x"} <= {line.get("run") for line in logs}
    for told in ("private thought", "hush", "100000", "45000", outcome_of(signal)["price"]):
        assert told not in text


# -- health -----------------------------------------------------------------------------------------------


async def test_health_says_version_and_revision(tmp_path: Path) -> None:
    async with served(simulated(), tmp_path) as worker:
        health = (await worker.http.get("/healthz")).json()
        ready = await worker.readiness()
    assert health == {"status": "ok", "version": "0.1.0", "revision": "local"}
    assert (ready.status_code, ready.json()["account"]) == (200, ACCOUNT)


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
