"""What subscriptions to accounts tell: positions, values, the summary, profit and loss."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from gateway_simulator import reports
from gateway_simulator.account_values import Value, account_values, ledger
from gateway_simulator.feeds import Keyed
from gateway_simulator.gateway import Gateway
from gateway_simulator.wire import responses as say

LEDGER = "$LEDGER"


def positions_multi(gateway: Gateway, req_id: int, account: str) -> Iterable[Keyed]:
    """Those of one account, or of all if it is empty."""
    for (owner, con_id), held in gateway.book.positions.items():
        if account in {"", owner}:
            yield (owner, con_id), reports.position_multi(held, req_id)


def account_updates(gateway: Gateway, account: str) -> Iterable[Keyed]:
    """An account's values, its portfolio, and the time of it."""
    valued = gateway.value(account)
    for row in account_values(valued):
        yield (
            (row.tag, row.currency),
            say.AccountValue(tag=row.tag, value=row.text, currency=row.currency, account=account),
        )
    for holding in valued.holdings:
        yield holding.position.contract.con_id, reports.portfolio_value(holding)
    local = valued.at.astimezone(ZoneInfo(gateway.time_zone))
    yield "time", say.AccountUpdateTime(time=f"{local:%H:%M}")


def account_updates_multi(
    gateway: Gateway, req_id: int, account: str, *, ledger_only: bool
) -> Iterable[Keyed]:
    """The values alone, or only the ledger of each currency and what the account is worth."""
    for row in account_values(gateway.value(account)):
        if not ledger_only or row.currency or row.tag == "NetLiquidation":
            yield (
                (row.tag, row.currency),
                say.AccountUpdateMulti(
                    req_id=req_id, account=account, tag=row.tag, value=row.text, currency=row.currency
                ),
            )


def summary(gateway: Gateway, req_id: int, accounts: Iterable[str], tags: str) -> Iterable[Keyed]:
    """The chosen values of each account; `$LEDGER`, `$LEDGER:EUR` and `$LEDGER:ALL` choose ledgers."""
    wanted = {tag.strip() for tag in tags.split(",")}
    for account in accounts:
        valued = gateway.value(account)
        own = set(ledger(valued))
        for row in account_values(valued):
            chosen = _in_ledger(row, wanted, valued.account.base) if row in own else row.tag in wanted
            if chosen:
                yield (
                    (account, row.tag, row.currency),
                    say.AccountSummary(
                        req_id=req_id, account=account, tag=row.tag, value=row.text, currency=row.currency
                    ),
                )


def pnl(gateway: Gateway, req_id: int, account: str) -> Iterable[Keyed]:
    """An account's profit and loss, in its base currency."""
    valued = gateway.value(account)
    yield (
        "",
        say.PnL(req_id=req_id, daily=valued.daily, unrealized=valued.unrealized, realized=valued.realized),
    )


def pnl_single(gateway: Gateway, req_id: int, account: str, con_id: int) -> Iterable[Keyed]:
    """That of one position, in the contract's currency; nothing while there is none."""
    for holding in gateway.value(account).holdings:
        if holding.position.contract.con_id == con_id:
            yield (
                "",
                say.PnLSingle(
                    req_id=req_id,
                    position=holding.position.quantity,
                    daily=holding.daily,
                    unrealized=holding.unrealized,
                    realized=holding.realized,
                    value=holding.value,
                ),
            )


def _in_ledger(row: Value, wanted: set[str], base: str) -> bool:
    if f"{LEDGER}:ALL" in wanted:
        return True
    return f"{LEDGER}:{row.currency}" in wanted or (LEDGER in wanted and row.currency in {"BASE", base})
