"""The broker's error codes as named sets, and what an error means for the caller."""

from trader.domain.errors import GatewayNotReady, Rejected, Retryable, TraderError

CLIENT_ID_IN_USE = 326
COMPETING_SESSION = 10197
"""No market data while another session of this user receives it: it may be about to take all of ours."""

LOST_BROKER = frozenset(
    {
        1100,  # connectivity between IB and the gateway has been lost
        2110,  # the same, told to a client that connects meanwhile
    }
)
RESTORED = frozenset(
    {
        1101,  # connectivity restored, subscriptions lost
        1102,  # connectivity restored, subscriptions kept; what happened in between is not told again
    }
)
FARM_BROKEN = frozenset(
    {
        2103,  # a market data farm is disconnected
        2105,  # a historical data farm is disconnected
        2157,  # the security definition farm is disconnected
        10182,  # live updates of bars failed: disconnected
    }
)
FARM_UP = frozenset(
    {
        2104,  # a market data farm is connected
        2106,  # a historical data farm is connected
        2107,  # a historical data farm is inactive, and comes up on demand
        2108,  # a market data farm is inactive, and comes up on demand
        2158,  # the security definition farm is connected
    }
)
UNKNOWN_CONTRACT = frozenset(
    {
        200,  # no security definition has been found for the request
        203,  # the security is not available or allowed for this account
    }
)
NO_MARKET_DATA = frozenset(
    {
        354,  # not subscribed to the requested market data
        10089,  # needs an additional subscription for the API; delayed data may be available
        10090,  # a part of the requested market data is not subscribed
        10091,  # a part of it needs an additional subscription for the API, as an option's underlying
        10168,  # not subscribed, and delayed data is not enabled
        10186,  # the same, under another number
        COMPETING_SESSION,
    }
)
ORDER_REJECTED = 201
"""Of an order that is then reported as Inactive it says that this is its end."""
CANCEL_REFUSED = frozenset(
    {
        161,  # the order is not in a state in which it can be cancelled
        10147,  # no such order
        10148,  # it can't be cancelled any more: it is filled, or cancelled already
    }
)
ORDER_NOTES = frozenset(
    {
        202,  # the order is cancelled, and why
        399,  # a warning, such as that the order waits for the market to open
        404,  # held while shares to sell short are located
        *CANCEL_REFUSED,
    }
)
PACING = frozenset(
    {
        100,  # more than 50 messages a second
        420,  # pacing violation of a real-time query
    }
)
HISTORICAL_DATA = 162  # the historical data service's one code for everything; its text tells what
PACING_RETRY_S = 60  # the broker counts historical requests over ten minutes


def is_note(code: int) -> bool:
    """Return whether a message about an order is no reason to doubt that the order stands."""
    return code in ORDER_NOTES or 2100 <= code < 2200


def refusal(code: int, text: str) -> TraderError:
    """Return what the broker's error to one request means for the intent that asked."""
    said = f"the broker answered {code}: {text}"
    lower = text.lower()
    if code in UNKNOWN_CONTRACT:
        return Rejected("unknown-instrument", f"expected an instrument that the broker knows; {said}")
    if code in NO_MARKET_DATA or (code == HISTORICAL_DATA and "permission" in lower):
        return Rejected("no-market-data", f"expected market data; {said}; subscribe to it at the broker")
    if code in PACING or (code == HISTORICAL_DATA and "pacing" in lower):
        return Retryable("pacing", f"too many requests; {said}", retry_after_s=PACING_RETRY_S)
    if code == HISTORICAL_DATA and "no data" in lower:
        return Rejected("no-market-data", f"expected bars; {said}")
    return GatewayNotReady("gateway-error", f"expected an answer; {said}")


def margin_refusal(code: int, text: str) -> TraderError:
    """Return what the broker's error to the question for an order's margin means: it wouldn't take it."""
    if code in PACING:
        return refusal(code, text)
    return Rejected("margin", f"expected the broker to take such an order; it answered {code}: {text}")
