"""The day's start value: written by the first run of a session date that isn't dry."""

from trader.domain.day import StartOfDay
from trader.domain.errors import GatewayNotReady
from trader.domain.session import trading_day
from trader.ports import Ports
from trader.stored import days


class DayStart:
    """Writes it down once; afterwards the store is not even asked."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._noted: tuple[str, str] | None = None  # account and session date

    async def note(self, account: str, run: str) -> None:
        """Write what the account is worth, if nobody has yet on this date and the broker says it."""
        now = self._ports.clock.now()
        today = trading_day(now)
        if self._noted == (account, today):
            return
        try:
            told = self._ports.broker.account()
        except GatewayNotReady:  # it isn't synchronised: the next run will find it so
            return
        worth = told.value("NetLiquidation")
        if worth is None:
            return
        start = StartOfDay(
            session_date=today, net_liquidation=worth, currency=told.base_currency, run=run, at=now
        )
        await days.write_start_of_day(self._ports.store, account, start)
        self._noted = (account, today)
