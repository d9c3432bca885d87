"""What a local stack starts with: a sample configuration, and HALTED; neither ever replaces what is there."""

from contextlib import suppress

from trader.domain.configuration_sample import sample
from trader.domain.trading_state import StateRecord, TradingState
from trader.domain.wire import JsonObject
from trader.ports import Clock, Conflict, Create, Store
from trader.stored import records

REASON = "as every local stack starts"


async def seed(store: Store, clock: Clock, account: str, *, simulated: bool) -> TradingState:
    """Create what is missing for ``account``, and return the trading state that holds."""
    halted = StateRecord(state=TradingState.HALTED, changed_at=clock.now(), reason=REASON)
    await _create(store, records.trading_state_path(account), halted.to_json())
    if await store.get(records.COMMON_CONFIGURATION) is None:
        await _create(store, records.configuration_path(account), _sample(account, simulated=simulated))
    return await records.trading_state(store, account)


def _sample(account: str, *, simulated: bool) -> JsonObject:
    """Return the sample; another gateway than the simulated one does restart at night."""
    return {key: value for key, value in sample(account).items() if simulated or key != "restartWindow"}


async def _create(store: Store, path: str, data: JsonObject) -> None:
    with suppress(Conflict):
        await store.commit([Create(path, data)])
