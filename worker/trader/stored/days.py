"""Each session date's start value, as the store keeps it."""

from contextlib import suppress
from datetime import datetime

from pydantic import ValidationError

from trader.domain.day import DayResult, StartOfDay, day_result
from trader.domain.errors import Failed
from trader.domain.portfolio import Account
from trader.domain.session import trading_day
from trader.domain.valuation import figure
from trader.ports import Conflict, Create, Store


def day_path(account: str, session_date: str) -> str:
    """Return where a day's start value is kept."""
    return f"accounts/{account}/days/{session_date}"


async def start_of_day(store: Store, account: str, session_date: str) -> StartOfDay | None:
    """Return the day's start value, None while none is written; raises Failed for a damaged one."""
    path = day_path(account, session_date)
    document = await store.get(path)
    if document is None:
        return None
    try:
        return StartOfDay.model_validate(document.data)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise Failed(
            "document-damaged",
            f"expected a day's start value at {path}, found it damaged at {where}; mend it by hand",
            field=where,
        ) from None


async def day_so_far(store: Store, account: Account, now: datetime) -> DayResult | None:
    """Return what the account has gained today, None while the day's start value isn't written.

    Raises Failed where the account's base currency is another one than when the day began.
    """
    start = await start_of_day(store, account.id, trading_day(now))
    if start is None:
        return None
    if start.currency != account.base_currency:
        raise Failed(
            "base-currency-changed",
            f"expected net liquidation in {start.currency}, in which the day began, "
            f"found {account.base_currency}; there is no day's result until tomorrow",
        )
    return day_result(start, figure(account, "NetLiquidation"))


async def write_start_of_day(store: Store, account: str, start: StartOfDay) -> None:
    """Write a day's start value, unless it is written already: the first one stands."""
    with suppress(Conflict):
        await store.commit([Create(day_path(account, start.session_date), start.to_json())])
