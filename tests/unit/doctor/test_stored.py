"""What `trader doctor` says of a store and of schedules."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.calendars import weekdays
from tests.support.doctor import findings, is_good
from tests.support.stores import Passing
from trader.adapters.sqlite import SqliteStore
from trader.doctor.report import Line, Verdict
from trader.doctor.schedules import check_schedules
from trader.doctor.stored import check_store
from trader.domain.configuration_sample import sample
from trader.domain.errors import StoreUnavailable
from trader.domain.schedules import Schedules, apply
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject
from trader.ports import Create, Document
from trader.settings import Settings
from trader.stored import orderbook, records

ACCOUNT = "DU1"
AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
LOCAL = Settings()
EMULATED = Settings(backend="google", project="some-project", firestore_emulator="127.0.0.1:1")
LOCK = orderbook.ContractLock(con_id=1, instrument="stock:SPY", orders=(), reason="doubt", run="r", since=AT)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store of one account, configured and active."""
    found = await SqliteStore.open(tmp_path / "state.sqlite3")
    await records.write_configuration(found, records.configuration_path(ACCOUNT), sample(ACCOUNT))
    await activate(found)
    yield found
    await found.close()


async def activate(store: SqliteStore, state: TradingState = TradingState.ACTIVE) -> None:
    await records.set_trading_state(store, ACCOUNT, state, reason="test", published_at=AT, at=AT)


def by_code(lines: Sequence[Line]) -> dict[str, Line]:
    return {line.code: line for line in lines}


def codes(lines: Sequence[Line]) -> set[str]:
    """Return the findings' codes, where the message is the refusal's own."""
    found = [line for line in lines if line.verdict in (Verdict.WARNING, Verdict.DANGER)]
    assert all(line.advice and "expected" in line.message for line in found)
    return {line.code for line in found}


class Refusing(Passing):
    """Refuses each query that has a condition on ``field``, with these words."""

    def __init__(self, store: SqliteStore, field: str, words: str) -> None:
        super().__init__(store)
        self._field = field
        self._words = words

    async def query(
        self, collection: str, *, where: Mapping[str, str] | None = None, limit: int = 1000
    ) -> Sequence[Document]:
        if self._field in (where or {}):
            raise StoreUnavailable("store-refused", self._words)
        return await super().query(collection, where=where, limit=limit)


async def test_a_store_that_is_as_it_should_be_is_good(store: SqliteStore) -> None:
    lines = await check_store(store, ACCOUNT, LOCAL)
    assert is_good(lines)
    assert set(by_code(lines)) == {"store", "configuration", "trading-state", "contracts"}
    assert "active" in by_code(lines)["trading-state"].message.lower()


async def test_a_halted_account_is_told_and_is_no_fault(store: SqliteStore) -> None:
    await activate(store, TradingState.HALTED)
    lines = await check_store(store, ACCOUNT, LOCAL)
    assert is_good(lines)
    assert "halted, because test" in by_code(lines)["trading-state"].message.lower()
    nobody = by_code(await check_store(store, "DU2", LOCAL))
    assert "never set" in nobody["trading-state"].message


async def test_an_account_without_a_configuration_is_found(store: SqliteStore) -> None:
    assert codes(await check_store(store, "DU2", LOCAL)) == {"config-missing"}


async def test_an_interlock_that_disagrees_is_found(store: SqliteStore) -> None:
    assert codes(await check_store(store, ACCOUNT, Settings(gateway_port=4001))) == {"interlock-port"}


async def test_a_contract_in_doubt_is_found(store: SqliteStore) -> None:
    await store.commit([orderbook.lock_write(ACCOUNT, LOCK)])
    assert findings(await check_store(store, ACCOUNT, LOCAL)) == {"contracts-locked": Verdict.WARNING}


async def test_a_damaged_document_is_a_danger(store: SqliteStore) -> None:
    await store.commit([Create(orderbook.contract_lock_path(ACCOUNT, 1), {"version": 1, "conId": "x"})])
    assert codes(await check_store(store, ACCOUNT, LOCAL)) == {"document-damaged"}


@pytest.mark.parametrize("field", ["state", "day", "order"])
async def test_an_index_that_is_missing_is_a_danger(store: SqliteStore, field: str) -> None:
    words = "found FailedPrecondition: The query requires a COLLECTION_ASC index for collection orders"
    lines = await check_store(Refusing(store, field, words), ACCOUNT, LOCAL)
    assert findings(lines)["index-missing"] is Verdict.DANGER


async def test_another_refusal_of_a_query_is_not_taken_for_a_missing_index(store: SqliteStore) -> None:
    words = "found FailedPrecondition: The API is not available for a database in Datastore Mode"
    lines = await check_store(Refusing(store, "state", words), ACCOUNT, LOCAL)
    assert findings(lines) == {"store": Verdict.DANGER}
    assert "Datastore Mode" in lines[-1].message


async def test_indexes_are_unchecked_where_an_emulator_answers_without_any(store: SqliteStore) -> None:
    lines = by_code(await check_store(store, ACCOUNT, EMULATED))
    assert lines["indexes"].verdict is Verdict.UNCHECKED


async def test_without_an_account_what_it_has_is_unchecked(store: SqliteStore) -> None:
    lines = by_code(await check_store(store, None, LOCAL))
    assert (lines["account"].verdict, set(lines)) == (Verdict.UNCHECKED, {"store", "account"})


def schedules(*jobs: JsonObject) -> Schedules:
    return Schedules.model_validate({"schedules": list(jobs)})


def job(name: str, **changes: Any) -> JsonObject:
    given: JsonObject = {
        "name": name,
        "cron": "15 16 * * 1-5",
        "timeZone": "America/New_York",
        "enabled": True,
        "exchange": "XNYS",
        "description": "says what it is for",
        "message": {"intent": "summary"},
    }
    return {**given, **changes}


HOURS = {"XNYS": weekdays(AT.date(), AT.date())}


def test_schedules_in_their_exchanges_time_zone_that_are_expected_are_good() -> None:
    found = schedules(job("close"), job("off", enabled=False), job("plain", exchange=None, timeZone="UTC"))
    assert is_good(check_schedules(found, HOURS, apply(None, found, AT)))


def test_a_schedule_in_another_time_zone_than_its_exchange_is_found() -> None:
    found = schedules(job("close", timeZone="Europe/London"))
    lines = check_schedules(found, HOURS, apply(None, found, AT))
    assert findings(lines) == {"schedule-time-zone": Verdict.WARNING}


@pytest.mark.parametrize("before", [None, apply(None, schedules(job("close", graceMinutes=5)), AT)])
def test_schedules_whose_results_nobody_expects_are_found(before: Any) -> None:
    assert findings(check_schedules(schedules(job("close")), HOURS, before)) == {
        "schedules-not-applied": Verdict.WARNING
    }
