"""Historical data: bars."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from gateway_simulator.contracts import Contract
from gateway_simulator.handlers import lookup
from gateway_simulator.market import Bar, HistoryError
from gateway_simulator.refusal import Refusal, invalid
from gateway_simulator.wire import requests as ask
from gateway_simulator.wire import responses as say
from gateway_simulator.wire.errors import ProtocolError
from gateway_simulator.wire.layout import Message
from gateway_simulator.wire.times import read_time, write_time

if TYPE_CHECKING:
    from gateway_simulator.session import Session

SECONDS = 2  # the date format that asks for seconds since 1970
WHOLE_DAYS = ("day", "week", "month")


def bars(session: "Session", request: ask.ReqHistoricalData) -> None:
    """Bars up to a time, or to now."""
    gateway = session.gateway
    contract = lookup.one(gateway.catalogue, request.contract)
    if request.keep_up_to_date:
        raise invalid("Bars that are kept up to date aren't offered here")
    if contract.sec_type == "CONTFUT" and request.end:
        raise Refusal(10339, "Setting end date/time for continuous future security type is not allowed.")
    end = _end(session, request.end)
    try:
        found = gateway.market.bars(
            contract, end, request.duration, request.bar_size, request.what_to_show, request.regular_hours
        )
    except HistoryError as error:
        raise Refusal(error.code, error.text) from None
    zone, version = contract.time_zone, session.version
    session.send(
        say.HistoricalData(
            req_id=request.req_id,
            start=write_time(found[0].start, zone, version),
            end=write_time(end, zone, version),
            bars=tuple(_record(bar, contract, request, version) for bar in found),
        )
    )


def cancel(session: "Session", request: ask.CancelHistoricalData) -> None:
    """Every request is answered at once, so there is never one to cancel."""
    session.error(request.req_id, 366, f"No historical data query found for ticker id:{request.req_id}")


def _record(bar: Bar, contract: Contract, request: ask.ReqHistoricalData, version: int) -> say.BarRecord:
    return say.BarRecord(
        date=_date(bar, contract, request, version),
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume,
        average=bar.wap,
        count=bar.count,
    )


def _date(bar: Bar, contract: Contract, request: ask.ReqHistoricalData, version: int) -> str:
    """Bars of a day and more carry their trading day, whatever format was asked for."""
    if any(unit in request.bar_size for unit in WHOLE_DAYS):
        return f"{bar.day:%Y%m%d}"
    if request.date_format == SECONDS:
        return str(int(bar.start.timestamp()))
    return write_time(bar.start, contract.time_zone, version)


def _end(session: "Session", text: str) -> datetime:
    gateway = session.gateway
    if not text:
        return gateway.clock.now()
    try:
        return read_time(text, gateway.time_zone)
    except ProtocolError:
        raise Refusal(
            10314,
            "End Date/Time: The date, time, or time-zone entered is invalid. The correct format is "
            "yyyymmdd hh:mm:ss xx/xxxx where yyyymmdd and xx/xxxx are optional.",
        ) from None


HANDLERS: dict[type[Message], Any] = {
    ask.ReqHistoricalData: bars,
    ask.CancelHistoricalData: cancel,
}
