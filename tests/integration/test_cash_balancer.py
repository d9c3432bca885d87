"""cash-balancer turns foreign cash into the base currency, and leaves the books as honest as they were."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway_simulator import accounts
from gateway_simulator.book import Order
from gateway_simulator.contracts import ContractQuery
from gateway_simulator.gateway import Gateway
from gateway_simulator.wire.orders import PlaceOrder
from tests.support.allocating import allocation, configuration, follow
from tests.support.crash import ACCOUNT
from tests.support.ib import OPEN, simulated
from tests.support.market import local
from tests.support.play import CLOSE_ALL, MANY, RECONCILE, Play, playing
from tests.support.strategies import wanting
from trader.domain.instruments import Forex
from trader.domain.ledger import CASH, EXTERNAL, holdings
from trader.domain.messages import Result
from trader.domain.status import Severity, Status
from trader.domain.targets import Flat, Weight
from trader.domain.trading_state import TradingState
from trader.domain.wire import JsonObject
from trader.stored import orderbook

BALANCE: JsonObject = {"intent": "cash-balancer"}
SATURDAY = local("2026-11-28 12:00")


def with_cash(base: str = "USD", *, at: datetime = OPEN, **cash: Any) -> Gateway:
    """Return a gateway whose account has 100,000 of its base currency, and ``cash``."""
    amounts = {currency: Decimal(amount) for currency, amount in {base: 100_000, **cash}.items()}
    return simulated(at=at, accounts={ACCOUNT: accounts.Account(ACCOUNT, base=base, cash=amounts)})


def outcome(result: Result) -> dict[str, Any]:
    assert result.outcome is not None, result.reason
    return result.outcome


def code(result: Result) -> tuple[str, str | None]:
    return result.status.value, result.reason.code if result.reason else None


def cash(play: Play, currency: str) -> Decimal:
    return play.gateway.accounts[ACCOUNT].cash.get(currency, Decimal(0))


def sent(result: Result) -> list[tuple[str, Decimal]]:
    return [(order.instrument, order.quantity) for order in result.orders]


async def test_cash_above_the_threshold_is_converted_and_the_rest_is_left(tmp_path: Path) -> None:
    async with playing(tmp_path, gateway=with_cash(EUR=20_000, JPY=-900_000, GBP=100)) as play:
        result = await play.result(BALANCE)
        report = outcome(result)
        assert code(result) == ("succeeded", None), result
        assert [line["currency"] for line in report["left"]] == ["GBP"]
        assert [(name, quantity > 0) for name, quantity in sent(result)] == [
            ("EUR.USD", False),
            ("USD.JPY", False),
        ]
        assert {order.state for order in result.orders} == {"filled"}
        assert (cash(play, "EUR"), cash(play, "GBP")) == (Decimal(0), Decimal(100))
        assert -400 < cash(play, "JPY") <= 0, "a debt is repaid as far as whole dollars go, and not beyond"


@pytest.mark.parametrize(
    ("base", "currency", "pair", "sells"),
    [
        ("EUR", "USD", "EUR.USD", False),
        ("EUR", "GBP", "EUR.GBP", False),
        ("HKD", "USD", "USD.HKD", True),
        ("HKD", "EUR", "EUR.HKD", True),
        ("HKD", "JPY", "HKD.JPY", False),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
async def test_the_pair_is_the_listed_one_and_the_side_the_right_one(
    tmp_path: Path, base: str, currency: str, pair: str, sells: bool, sign: int
) -> None:
    amount = sign * (1_000_000 if currency == "JPY" else 5_000)
    async with playing(tmp_path, gateway=with_cash(base, **dict[str, Any]({currency: amount}))) as play:
        result = await play.result(BALANCE)
        ((name, quantity),) = sent(result)
        assert (name, (quantity < 0) == (sells == (sign > 0))) == (pair, True)
        assert abs(cash(play, currency)) < abs(amount) / 500, "all but a part of a lot, and the spread"
        assert outcome(result)["baseCurrency"] == base


async def test_a_dry_run_reports_the_conversion_and_sends_nothing(tmp_path: Path) -> None:
    async with playing(tmp_path, gateway=with_cash(EUR=20_000)) as play:
        result = await play.result({**BALANCE, "dryRun": True})
        assert (sent(result), result.orders[0].state) == ([("EUR.USD", Decimal(-20_000))], "planned")
        assert (play.placed(), cash(play, "EUR")) == ([], Decimal(20_000))


async def test_the_threshold_of_the_message_wins_over_the_configurations(tmp_path: Path) -> None:
    async with playing(tmp_path, gateway=with_cash(EUR=20_000)) as play:
        assert sent(await play.result({**BALANCE, "threshold": 25_000})) == []
        assert sent(await play.result({**BALANCE, "threshold": "21000.5"})) == [("EUR.USD", Decimal(-20_000))]


async def test_without_foreign_cash_there_is_nothing_to_do(tmp_path: Path) -> None:
    async with playing(tmp_path) as play:
        result = await play.result(BALANCE)
        assert (code(result), outcome(result)["conversions"]) == (("succeeded", None), [])


async def test_no_more_than_so_many_conversions_go_a_day(tmp_path: Path) -> None:
    limits = {"orderNotional": 100_000, "conversionsPerDay": 1}
    gateway = with_cash(EUR=20_000, GBP=10_000)
    async with playing(tmp_path, gateway=gateway, configuration={**MANY, "limits": limits}) as play:
        first = await play.result(BALANCE)
        assert (sent(first), first.severity) == ([("EUR.USD", Decimal(-20_000))], Severity.WARNING)
        refused = outcome(first)["conversions"][1]
        assert (refused["currency"], refused["refusals"][0]["code"]) == ("GBP", "conversions-per-day")
        assert code(await play.result(BALANCE)) == ("rejected", "conversions-per-day")
        play.world.pass_time(timedelta(days=1).total_seconds())
        assert [name for name, _ in sent(await play.result(BALANCE))] == ["GBP.USD"]


async def test_a_conversion_is_not_repeated_while_the_balance_may_be_an_old_one(tmp_path: Path) -> None:
    async with playing(tmp_path, gateway=with_cash(EUR=20_000)) as play:
        await play.result(BALANCE)
        play.gateway.accounts[ACCOUNT].post("EUR", Decimal(20_000))  # as if it hadn't been told yet
        await play.until(lambda: told(play, "EUR") == 20_000)
        assert code(await play.result(BALANCE)) == ("rejected", "just-converted")
        play.world.pass_time(300)
        assert sent(await play.result(BALANCE)) == [("EUR.USD", Decimal(-20_000))]


def told(play: Play, currency: str) -> Decimal | None:
    return play.worker.worker.ports.broker.account().value("CashBalance", currency)


# -- what others do with the same cash --------------------------------------------------------------------


def by_hand(play: Play, name: str = "EUR.USD", **given: Any) -> Order:
    """Place an order in a pair as by hand: a sale of 20,000 at the market unless ``given`` says otherwise."""
    symbol, _, currency = name.partition(".")
    (pair,) = play.gateway.catalogue.find(ContractQuery(symbol=symbol, currency=currency, sec_type="CASH"))
    terms = {"action": "SELL", "total_quantity": Decimal(20_000), "order_type": "MKT", "tif": "DAY", **given}
    return play.gateway.manual_order(pair, PlaceOrder(**terms))


async def is_kept_back(play: Play, expected: str) -> None:
    """See that nothing is converted for that reason, and that a dry run says so before."""
    dry = await play.result({**BALANCE, "dryRun": True})
    found = {refusal["code"] for line in outcome(dry)["conversions"] for refusal in line["refusals"]}
    assert (sent(dry), expected in found, dry.severity) == ([], True, Severity.WARNING), dry
    before = play.placed()
    result = await play.result(BALANCE)
    assert (code(result), play.placed()) == (("rejected", expected), before)


@pytest.mark.parametrize("is_booked", [True, False])
async def test_what_was_just_converted_by_hand_is_not_converted_again(
    tmp_path: Path, is_booked: bool
) -> None:
    async with playing(tmp_path, gateway=with_cash(EUR=20_000)) as play:
        by_hand(play)
        await play.until(lambda: play.position("EUR") == -20_000)
        if is_booked:
            await play.result(RECONCILE)
        play.gateway.accounts[ACCOUNT].post("EUR", Decimal(20_000))  # as if it hadn't been told yet
        play.gateway.announcer.tell_accounts()
        await play.until(lambda: told(play, "EUR") == 20_000)
        await is_kept_back(play, "just-converted")
        play.world.pass_time(300)
        assert sent(await play.result(BALANCE)) == [("EUR.USD", Decimal(-20_000))]
        await play.result(RECONCILE)


@pytest.mark.parametrize("pair", ["EUR.USD", "EUR.GBP"])
async def test_an_order_by_hand_that_is_to_move_the_balance_is_waited_for(tmp_path: Path, pair: str) -> None:
    async with playing(tmp_path, gateway=with_cash(EUR=20_000)) as play:
        resting = by_hand(play, pair, order_type="LMT", lmt_price=Decimal(9))
        await is_kept_back(play, "under-way")
        play.gateway.exchange.fill_at_market(resting)
        assert cash(play, "EUR") == 0, "which it was right to wait for"
        await play.result(RECONCILE)


@pytest.mark.parametrize(
    ("base", "pair", "balances"),
    [("USD", "EUR.USD", {"EUR"}), ("EUR", "EUR.USD", {"USD"}), ("USD", "EUR.GBP", {"EUR", "GBP"})],
)
async def test_what_a_strategy_holds_of_a_pair_is_not_converted(
    tmp_path: Path, base: str, pair: str, balances: set[str]
) -> None:
    held = Forex(*pair.split("."))
    shares = configuration({"a": 0.5}, held.base, pair, limits={"orderNotional": 10**6, "grossExposure": 4})
    async with playing(tmp_path, gateway=with_cash(base), configuration=shares) as play:
        follow(play, wanting("a", Weight(held, Decimal("0.5"))))
        (opened,) = (await play.result(allocation("a"))).orders
        assert (opened.instrument, opened.state) == (pair, "filled")
        await play.until(lambda: all(told(play, currency) for currency in balances))
        await is_kept_back(play, "held-by-strategy")
        play.world.pass_time(300)
        await is_kept_back(play, "held-by-strategy")
        follow(play, wanting("a", Flat(held)))
        (closed,) = (await play.result(allocation("a"))).orders
        assert (closed.state, closed.quantity) == ("filled", -opened.quantity)
        assert cash(play, held.base) == (100_000 if held.base == base else 0), "and nothing is borrowed"


async def test_what_a_strategys_order_has_filled_is_not_converted_before_it_is_booked_either(
    tmp_path: Path,
) -> None:
    shares = configuration({"a": 0.5}, "EUR", limits={"orderNotional": 10**6})
    async with playing(tmp_path, gateway=with_cash(), configuration=shares) as play:
        follow(play, wanting("a", Weight(Forex("EUR", "USD"), Decimal("0.5"))))
        later = allocation("a", orderType="LMT", tif="GTC", goodAfter="2026-11-24T15:00:00Z")
        (order,) = (await play.result(later)).orders
        assert order.state == "working"
        play.gateway.exchange.fill_at_market(*play.placed())
        await play.until(lambda: told(play, "EUR"))
        play.world.pass_time(300)
        dry = await play.result({**BALANCE, "dryRun": True})
        (refusal,) = outcome(dry)["conversions"][0]["refusals"]
        assert (sent(dry), refusal["code"], await play.held()) == ([], "under-way", {}), "it settles nothing"
        assert code(await play.result(BALANCE)) == ("rejected", "held-by-strategy")


async def test_beside_what_a_strategy_holds_other_cash_is_converted(tmp_path: Path) -> None:
    shares = configuration({"a": 0.5}, "EUR", limits={"orderNotional": 10**6})
    async with playing(tmp_path, gateway=with_cash(JPY=900_000), configuration=shares) as play:
        follow(play, wanting("a", Weight(Forex("EUR", "USD"), Decimal("0.5"))))
        await play.result(allocation("a"))
        await play.until(lambda: told(play, "EUR"))
        result = await play.result(BALANCE)
        assert ([name for name, _ in sent(result)], result.severity) == (["USD.JPY"], Severity.WARNING)


async def test_what_a_strategy_has_sold_again_leaves_cash_as_any_other(tmp_path: Path) -> None:
    shares = configuration({"a": 0.5}, "EUR", limits={"orderNotional": 10**6})
    async with playing(tmp_path, gateway=with_cash(EUR=20_000), configuration=shares) as play:
        for wish in (Weight(Forex("EUR", "USD"), Decimal("0.2")), Flat(Forex("EUR", "USD"))):
            follow(play, wanting("a", wish))
            assert [order.state for order in (await play.result(allocation("a"))).orders] == ["filled"]
        await is_kept_back(play, "just-converted")
        play.world.pass_time(300)
        assert sent(await play.result(BALANCE)) == [("EUR.USD", Decimal(-20_000))]


async def test_a_dry_run_plans_no_conversion_that_a_limit_is_in_the_way_of(tmp_path: Path) -> None:
    limits = {"limits": {"orderNotional": 20_000}}
    async with playing(tmp_path, gateway=with_cash(EUR=20_000), configuration={**MANY, **limits}) as play:
        await is_kept_back(play, "order-notional")


async def test_the_gate_of_every_order_holds_for_a_conversion_too(tmp_path: Path) -> None:
    limits = {"limits": {"orderNotional": 20_000}}
    async with playing(tmp_path, gateway=with_cash(EUR=20_000), configuration={**MANY, **limits}) as play:
        assert code(await play.result(BALANCE)) == ("rejected", "order-notional")
        await play.world.configured(TradingState.HALTED, **MANY)
        assert code(await play.result(BALANCE)) == ("rejected", "halted")
        await play.world.configured(TradingState.REDUCE_ONLY, **MANY)
        (order,) = (await play.result(BALANCE)).orders
        assert order.state == "unsent"
        assert (play.placed(), cash(play, "EUR")) == ([], Decimal(20_000))


async def test_a_conversion_counts_among_the_orders_of_the_day(tmp_path: Path) -> None:
    limits = {"limits": {"orderNotional": 50_000, "ordersPerDay": 2}}
    gateway = with_cash(EUR=20_000, GBP=10_000)
    async with playing(tmp_path, gateway=gateway, configuration={**MANY, **limits}) as play:
        await play.holds("MSFT")
        result = await play.result(BALANCE)
        assert sent(result) == [("EUR.USD", Decimal(-20_000))]
        refused = outcome(result)["conversions"][1]
        assert (refused["currency"], refused["refusals"][0]["code"]) == ("GBP", "orders-per-day")
        assert code(await play.result(BALANCE)) == ("rejected", "orders-per-day")


async def test_the_limit_price_of_a_conversion_stays_within_the_collar(tmp_path: Path) -> None:
    order = {"order": {"type": "LMT", "limitOffsetPercent": 2}}
    limits = {"limits": {"orderNotional": 50_000, "priceCollarPercent": 1}}
    async with playing(
        tmp_path, gateway=with_cash(EUR=20_000), configuration={**MANY, **order, **limits}
    ) as play:
        assert code(await play.result(BALANCE)) == ("rejected", "price-collar")


async def test_on_a_weekend_it_is_skipped(tmp_path: Path) -> None:
    async with playing(tmp_path, gateway=with_cash(EUR=20_000, at=SATURDAY)) as play:
        assert code(await play.result(BALANCE)) == ("skipped", "market-closed")
        dry = await play.result({**BALANCE, "dryRun": True})
        assert sent(dry) == [("EUR.USD", Decimal(-20_000))], "as in the open hours of the market"


async def test_a_currency_that_no_pair_is_listed_of_is_told_and_the_others_go(tmp_path: Path) -> None:
    gateway = with_cash(EUR=20_000, GBP=10_000)
    found = gateway.catalogue.find
    gateway.catalogue.find = lambda query: () if "GBP" in (query.symbol, query.currency) else found(query)  # type: ignore[method-assign]
    async with playing(tmp_path, gateway=gateway) as play:
        result = await play.result(BALANCE)
        assert [name for name, _ in sent(result)] == ["EUR.USD"]
        line = outcome(result)["conversions"][1]
        assert (line["pair"], line["refusals"][0]["code"]) == (None, "no-pair")


# -- the broker's virtual positions -----------------------------------------------------------------------


async def test_a_conversion_is_booked_to_cash_and_breaks_no_books(tmp_path: Path) -> None:
    async with playing(tmp_path, gateway=with_cash(EUR=20_000)) as play:
        await play.holds("MSFT")
        await play.result(BALANCE)
        owners = {owner for owner, _ in holdings(await orderbook.all_fills(play.world.store, ACCOUNT))}
        assert owners == {"testsignalgenerator", CASH}
        assert play.position("EUR") == -20_000, "so the broker mirrors it"
        for intent in ("trade-reconciliation", "reconcile", "risk-check"):
            result = await play.result({"intent": intent})
            assert (result.status, result.severity) == (Status.SUCCEEDED, Severity.INFO), result
            assert outcome(result).get("breaks", []) == []
        assert await play.locked() == []


async def test_a_virtual_position_that_somebody_changes_breaks_no_books_either(tmp_path: Path) -> None:
    async with playing(tmp_path, gateway=with_cash(EUR=20_000)) as play:
        await play.result(BALANCE)
        by_hand(play, action="BUY", total_quantity=Decimal(30_000))
        play.gateway.book.forget(play.gateway.clock.now())  # and no report tells of it
        assert play.position("EUR") == 10_000
        await play.until(lambda: 10_000 in [p.quantity for p in play.worker.worker.ports.broker.positions()])
        report = outcome(await play.result(RECONCILE))
        assert (report["breaks"], report["locked"]) == ([], [])
        assert code(await play.result({"intent": "risk-check"})) == ("succeeded", None)
        play.world.pass_time(300)
        play.gateway.accounts[ACCOUNT].post("EUR", Decimal(5_000))
        assert (await play.result(BALANCE)).status is Status.SUCCEEDED
        await forget_forex(play)


async def forget_forex(play: Play) -> None:
    """Let the broker's mirror agree again, for what is checked of every play at its end."""
    theirs = play.gateway.book.positions
    for key, held in list(theirs.items()):
        if held.contract.sec_type == "CASH":
            sums = holdings(await orderbook.all_fills(play.world.store, ACCOUNT))
            ours = sum((q for (_, con_id), q in sums.items() if con_id == held.contract.con_id), Decimal(0))
            theirs[key] = replace(held, quantity=ours)


async def test_closing_everything_does_not_turn_a_conversion_back(tmp_path: Path) -> None:
    async with playing(tmp_path, gateway=with_cash(EUR=20_000)) as play:
        await play.holds("MSFT")
        await play.result(BALANCE)
        result = await play.result(CLOSE_ALL)
        assert code(result) == ("succeeded", None), result
        assert ([name for name, _ in sent(result)], play.position("MSFT")) == (["MSFT"], Decimal(0))
        assert (play.position("EUR"), cash(play, "EUR")) == (Decimal(-20_000), Decimal(0))


async def test_closing_everything_tells_what_a_strategy_holds_of_a_pair_and_a_person_has_sold(
    tmp_path: Path,
) -> None:
    shares = configuration({"a": 0.5}, "EUR", limits={"orderNotional": 10**6})
    async with playing(tmp_path, gateway=with_cash(), configuration=shares) as play:
        follow(play, wanting("a", Weight(Forex("EUR", "USD"), Decimal("0.5"))))
        (opened,) = (await play.result(allocation("a"))).orders
        by_hand(play, action="SELL", total_quantity=opened.quantity - 1_000)
        await play.until(lambda: play.position("EUR") == 1_000)
        await play.result(RECONCILE)
        result = await play.result(CLOSE_ALL)
        assert code(result) == ("failed", "residue")
        assert play.position("EUR") == 0
        (line,) = outcome(result)["residue"]
        assert (line["code"], Decimal(line["quantity"])) == ("beyond-position", opened.quantity - 1_000)


async def test_what_was_converted_by_hand_is_externals_and_left_alone_too(tmp_path: Path) -> None:
    async with playing(tmp_path, gateway=with_cash(EUR=20_000)) as play:
        by_hand(play)
        await play.until(lambda: play.position("EUR") == -20_000)
        report = outcome(await play.result(RECONCILE))
        assert [line["shares"] for line in report["external"]] == [{EXTERNAL: "-20000"}]
        assert sent(await play.result(CLOSE_ALL)) == []
