"""From strategies to what they want: bars through the data gate, and decisions that can't hurt each other."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from trader.books import Books
from trader.domain.configuration import Configuration
from trader.domain.errors import GatewayNotReady, Rejected
from trader.domain.hours import liquid_hours
from trader.domain.instruments import Contract
from trader.domain.market import DELAY, DELAYED, Bar
from trader.domain.quality import fit_bars
from trader.domain.refusal import Refusal
from trader.domain.strategy import AnyStrategy, Bars, BarsNeeded
from trader.domain.strategy import Decision as Decided
from trader.domain.targets import Hold, Target, Weight, as_configured
from trader.domain.wire import Wire
from trader.planning.market import ANSWERED, NOT_TRADABLE, SMART, Market
from trader.planning.records import BarsUsed, Chosen, StrategyDecision, Wants
from trader.planning.together import together
from trader.ports import Ports

log = structlog.get_logger(__name__)

FAILED, NOT_A_NUMBER = "strategy-failed", "not-a-number"


@dataclass(frozen=True, slots=True)
class Asked:
    """A strategy, and the parameters that it is to decide with."""

    strategy: AnyStrategy
    parameters: Wire

    @property
    def id(self) -> str:
        """The strategy's name."""
        return self.strategy.id


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a strategy could not say what it wants; ``itself``: it is the strategy that must be mended."""

    refusal: Refusal
    itself: bool = False


Found = tuple[Bar, ...] | Refusal | GatewayNotReady


async def decide(
    asked: Sequence[Asked], books: Books, market: Market, configuration: Configuration, ports: Ports
) -> tuple[StrategyDecision, ...]:
    """Return what each strategy wants. One that fails, raises or has unfit bars holds, and says why.

    Raises GatewayNotReady when none of them could be given its bars.
    """
    deciding = Deciding(books, market, configuration, ports)
    await deciding.read(asked)
    return tuple([await deciding.decision(one) for one in asked])


class Deciding:
    """The bars of one plan, read once for all strategies, and what each decides on them."""

    def __init__(self, books: Books, market: Market, configuration: Configuration, ports: Ports) -> None:
        self._books = books
        self._market = market
        self._configuration = configuration
        self._ports = ports
        self._needs: dict[str, tuple[BarsNeeded, ...] | Broken] = {}
        self._bars: Mapping[BarsNeeded, Found] = {}

    async def read(self, asked: Sequence[Asked]) -> None:
        """Read all bars, those that several strategies need once."""
        self._needs = {one.id: _needs(one) for one in asked}
        unique = list(dict.fromkeys(need for one in asked for need in self._needed(one)))
        instruments = dict.fromkeys(need.instrument for need in unique)
        await together(self._market.contract(instrument) for instrument in instruments)
        found = await together(self._read(need) for need in unique)
        errors = [error for error in found if isinstance(error, GatewayNotReady)]
        if errors and len(errors) == len(found):
            raise errors[0]
        self._bars = dict(zip(unique, found, strict=True))

    async def decision(self, asked: Asked) -> StrategyDecision:
        """Return what one strategy wants, within what it is configured to do."""
        found = self._decided(asked)
        chosen, refusals = await self._chosen(asked, found)
        if twice := _named_twice(chosen):
            found = _broken(FAILED, asked, f"it wants two things of one contract, {twice}")
            chosen, refusals = await self._chosen(asked, found)
        if not self._configuration.exposure.of(asked.id) > 0:
            chosen += self._left(asked.id, chosen)
        return StrategyDecision(
            strategy=asked.id,
            targets=tuple(chosen),
            indicators={} if isinstance(found, Broken) else dict(found.indicators),
            bars=tuple(self._used(asked)),
            refusals=tuple(refusals),
            failed=(isinstance(found, Broken) and found.itself)
            or any(why.code == NOT_TRADABLE for why in refusals),
        )

    async def _chosen(self, asked: Asked, found: Decided | Broken) -> tuple[list[Chosen], list[Refusal]]:
        """Return what is wanted of which contract, and each reason why something isn't."""
        limits = self._configuration.strategies.get(asked.id)
        targets = as_configured(
            self._holds(asked, found.refusal.message) if isinstance(found, Broken) else found.targets,
            exposed=self._configuration.exposure.of(asked.id) > 0,
            allow_short=limits is not None and limits.allow_short,
        )
        chosen: list[Chosen] = []
        refusals = [found.refusal] if isinstance(found, Broken) else []
        for target in targets:
            contract = await self._market.contract(target.instrument)
            if isinstance(contract, Contract) and contract.can_be_ordered:
                chosen.append(Chosen.of(target, contract.con_id, contract.exchange))
                continue
            why = contract if isinstance(contract, Refusal) else _not_tradable(contract)
            # What is only looked at may be wanted flat: there is nothing of it to close.
            if (why is contract or isinstance(target, Weight)) and why not in refusals:
                refusals.append(why)
            hold = target if isinstance(target, Hold) else Hold(target.instrument, why.message)
            chosen.append(Chosen.of(hold, 0, ""))
        return chosen, refusals

    async def _read(self, need: BarsNeeded) -> Found:
        contract = await self._market.contract(need.instrument)
        if isinstance(contract, Refusal):
            return contract
        try:
            return fit_bars(
                await self._ports.market_data.bars(contract, need.size, days=need.days),
                need.size,
                hours=liquid_hours(contract),
                now=self._market.now,
                jump_percent=self._configuration.limits.bar_jump_percent,
                delay=DELAY if self._configuration.market_data_type in DELAYED else timedelta(0),
            )
        except Rejected as error:
            return Refusal(code=error.code, message=error.message)
        except GatewayNotReady as error:
            if error.code != ANSWERED:
                raise
            return error

    def _decided(self, asked: Asked) -> Decided | Broken:
        needs = self._needs[asked.id]
        if isinstance(needs, Broken):
            return needs
        bars: dict[BarsNeeded, tuple[Bar, ...]] = {}
        for need in needs:
            found = self._bars[need]
            if isinstance(found, GatewayNotReady):
                return Broken(Refusal(code=found.code, message=found.message))
            if isinstance(found, Refusal):
                return Broken(found)
            bars[need] = found
        return _ask(asked, bars)

    def _needed(self, asked: Asked) -> tuple[BarsNeeded, ...]:
        found = self._needs[asked.id]
        return () if isinstance(found, Broken) else found

    def _holds(self, asked: Asked, reason: str) -> tuple[Target, ...]:
        instruments = dict.fromkeys(need.instrument for need in self._needed(asked))
        return tuple(Hold(instrument, reason) for instrument in instruments)

    def _left(self, strategy: str, chosen: Sequence[Chosen]) -> Iterator[Chosen]:
        """Yield a Flat for whatever a strategy without exposure holds, or has under way, and doesn't name."""
        exchanges = {position.con_id: position.exchange for position in self._ports.broker.positions()}
        named = {one.con_id for one in chosen}
        for con_id in self._books.contracts_of(strategy):
            if con_id not in named:
                name, exchange = self._books.name(con_id), exchanges.get(con_id, SMART)
                yield Chosen(instrument=name, con_id=con_id, exchange=exchange, wants=Wants.FLAT)

    def _used(self, asked: Asked) -> Iterator[BarsUsed]:
        for need in self._needed(asked):
            found = self._bars[need]
            bars = found if isinstance(found, tuple) else ()
            yield BarsUsed(
                instrument=str(need.instrument),
                size=need.size,
                count=len(bars),
                first_at=bars[0].start if bars else None,
                last_at=bars[-1].start if bars else None,
            )


def _not_tradable(contract: Contract) -> Refusal:
    """Return why none of it can be had; said here, where a series and its month still have two names."""
    return Refusal(
        code=NOT_TRADABLE,
        message=f"expected a contract that can be ordered, found {contract} ({contract.sec_type}); "
        "name a month of the future, or a fund that follows the index",
    )


def _named_twice(chosen: Sequence[Chosen]) -> str | None:
    """Return the name of a contract that is wanted under two names."""
    named: set[int] = set()
    for one in chosen:
        if one.con_id and one.con_id in named:
            return one.instrument
        named.add(one.con_id)
    return None


def _needs(asked: Asked) -> tuple[BarsNeeded, ...] | Broken:
    try:
        return tuple(asked.strategy.needs(asked.parameters))
    except Exception as error:  # noqa: BLE001 - as below
        return _raised(asked, error)


def _ask(asked: Asked, bars: Bars) -> Decided | Broken:
    """Return what the strategy decides, or why that can't be used: whatever it raises stays its own."""
    try:
        decided = asked.strategy.decide(bars, asked.parameters)
        instruments = [target.instrument for target in decided.targets]
        if len(set(instruments)) < len(instruments):
            raise ValueError("expected one target for each instrument, found several")
        wrong = [name for name, value in decided.indicators.items() if not math.isfinite(value)]
    except Exception as error:  # noqa: BLE001 - a strategy may be anybody's, and the others go on
        return _raised(asked, error)
    return _broken(NOT_A_NUMBER, asked, f"its {', '.join(wrong)} is no number") if wrong else decided


def _raised(asked: Asked, error: Exception) -> Broken:
    log.error("strategy failed", strategy=asked.id, exc_info=error)
    return _broken(FAILED, asked, f"it raised {type(error).__name__}: {error}")


def _broken(code: str, asked: Asked, found: str) -> Broken:
    message = f"expected a decision of {asked.id}, found that {found}; it holds until it is mended"
    return Broken(Refusal(code=code, message=message[:500]), itself=True)
