"""What a broker's error means for whoever asked."""

import pytest

from trader.adapters.ib.codes import refusal
from trader.adapters.ib.farms import Farms
from trader.domain.errors import GatewayNotReady, Rejected, Retryable, TraderError


@pytest.mark.parametrize(
    ("code", "text", "kind", "named"),
    [
        (200, "No security definition has been found for the request", Rejected, "unknown-instrument"),
        (203, "The security is not available for this account", Rejected, "unknown-instrument"),
        (354, "Requested market data is not subscribed.", Rejected, "no-market-data"),
        (10089, "Requested market data requires additional subscription", Rejected, "no-market-data"),
        (10090, "Part of requested market data is not subscribed.", Rejected, "no-market-data"),
        (10091, "Part of requested market data requires additional subscription for API.", Rejected,
         "no-market-data"),
        (10186, "Requested market data is not subscribed. Delayed ...", Rejected, "no-market-data"),
        (10168, "Requested market data is not subscribed. Delayed ...", Rejected, "no-market-data"),
        (162, "Historical Market Data Service error message:No market data permissions for NYSE STK",
         Rejected, "no-market-data"),
        (162, "Historical Market Data Service error message:HMDS query returned no data: X@SMART Trades",
         Rejected, "no-market-data"),
        (162, "Historical Market Data Service error message:Historical data request pacing violation",
         Retryable, "pacing"),
        (100, "Max rate of messages per second has been exceeded", Retryable, "pacing"),
        (420, "Invalid Real-time Query", Retryable, "pacing"),
        (162, "Historical Market Data Service error message:Trading TWS session is connected",
         GatewayNotReady, "gateway-error"),
        (321, "Error validating request", GatewayNotReady, "gateway-error"),
    ],
)  # fmt: skip
def test_an_error_to_a_request_is_a_coded_refusal_or_comes_again(
    code: int, text: str, kind: type[TraderError], named: str
) -> None:
    error = refusal(code, text)

    assert type(error) is kind
    assert error.code == named
    assert f"{code}: {text}" in error.message


def test_nothing_is_known_of_the_farms_until_the_gateway_tells() -> None:
    assert str(Farms()) == "unknown"
    assert str(Farms().after(202, "Order Canceled - reason:")) == "unknown"


@pytest.mark.parametrize("up", [2104, 2106, 2107, 2108, 2158])
@pytest.mark.parametrize("broken", [2103, 2105, 2157])
def test_a_broken_farm_is_named_until_it_is_up_again(broken: int, up: int) -> None:
    farms = Farms().after(up, "Market data farm connection is OK:usfarm")
    farms = farms.after(broken, "Market data farm connection is broken:ushmds")
    farms = farms.after(broken, "Market data farm connection is broken:eufarm")

    assert str(farms) == "broken: eufarm, ushmds"
    assert str(farms.after(up, "... OK:eufarm").after(up, "... OK:ushmds")) == "ok"


def test_failed_live_updates_name_no_farm_and_end_with_the_next_one_that_is_up() -> None:
    farms = Farms().after(10182, "Failed to request live updates (disconnected).")

    assert str(farms) == "broken: live updates"
    assert str(farms.after(2106, "HMDS data farm connection is OK:ushmds")) == "ok"
