"""What a scenario can make the gateway do. Each action says where it makes sense.

In a file an action is its name in small letters, with its fields if it has any: `drop`, or
`delay: {seconds: 2}`.
"""

import re
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from gateway_simulator.market_file import Price
from gateway_simulator.yaml_file import Part, one_of

MOST_SECONDS = 1e9  # 31 years: a clock that jumps further leaves the calendar
Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS)]  # of the simulated clock


class Action(Part):
    """One thing that the gateway does."""

    # A request in particular, the placing of an order, a fill, or anything, a time included.
    at: ClassVar[Literal["request", "order", "fill", "anything"]] = "anything"


class Delay(Action):
    """Treat the request only after so long; those that follow it on the connection wait too."""

    at = "request"
    seconds: Seconds


class Reject(Action):
    """Answer the request with an error and do nothing else; at `connect` and `startApi` also hang up."""

    at = "request"
    code: int
    message: str


class Error(Action):
    """Send an error with the request's id, then treat it as usual."""

    at = "request"
    code: int
    message: str


class Silent(Action):
    """Never answer, and do nothing: from `connect` on the whole connection, else that request."""

    at = "request"


class Drop(Action):
    """Close the connection, before or after the request has had its effect; it is not answered."""

    at = "request"
    when: Literal["before", "after"] = "before"


class PartlyFill(Action):
    """Fill no more than this much of the order; the rest after a while, or never."""

    at = "order"
    quantity: Decimal | None = Field(None, gt=0)
    fraction: Decimal | None = Field(None, gt=0, lt=1)
    rest_after: Seconds | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "PartlyFill":
        if (self.quantity is None) == (self.fraction is None):
            raise ValueError("expected either quantity or fraction")
        return self


class Inactive(Action):
    """Refuse the order with an error, then report it as Inactive, as IB does for want of margin."""

    at = "order"
    code: int = 201
    message: str = "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED."


class Hold(Action):
    """Report the order as Inactive while shares are located; it works after a while, or never."""

    at = "order"
    code: int = 404
    message: str = "Order held while securities are located."
    seconds: Seconds | None = None


class Duplicate(Action):
    """Report the execution twice."""

    at = "fill"


class NoStatus(Action):
    """Leave out the order's status after the fill."""

    at = "fill"


class LateCommission(Action):
    """Report the commission only after a while."""

    at = "fill"
    seconds: Seconds


class Correct(Action):
    """Correct the execution after a while: the same one, a revision higher, with other shares or price."""

    at = "fill"
    seconds: Seconds = 0.0
    shares: Decimal | None = Field(None, gt=0)
    price: Decimal | None = Field(None, gt=0)


class Fill(Action):
    """Fill open orders at the market, wherever their limits are: all of a symbol, or the request's own.

    At `cancelOrder` and `reqGlobalCancel` it comes before the cancel, which then comes too late.
    """

    symbol: str = ""


class Notice(Action):
    """Tell every client something that belongs to no request: 1100, 2103; known codes have their text."""

    code: int
    message: str = ""


class Outage(Action):
    """The gateway loses IB: 1100, and no word of orders and fills until it is back after a while, or never.

    What happened meanwhile is told to those who ask.
    """

    seconds: Seconds | None = None
    back: Literal[1101, 1102] = 1102


class Freeze(Action):
    """Every connection stays open, but nothing is read or sent, for a while or for ever."""

    seconds: Seconds | None = None


class Disconnect(Action):
    """Close every client's connection."""


class NoLogin(Action):
    """From now on, or for a while, nobody is logged in: connections are accepted and never answered."""

    seconds: Seconds | None = None


class Restart(Action):
    """Close every connection, refuse new ones for a while; ids may then count from elsewhere."""

    seconds: Seconds = 0.0
    next_valid_id: int | None = Field(None, ge=1)
    forget: bool = False  # a fresh container, which remembers nothing


class Forget(Action):
    """Remember no execution and no completed order of before, and count order ids from the start."""


class NextValidId(Action):
    """Count order ids from here, even if they were used."""

    value: int = Field(ge=1)


class Midnight(Action):
    """The clock jumps to the gateway's next midnight."""


class Jump(Action):
    """The clock jumps ahead."""

    seconds: Seconds


class SetPrice(Action):
    """Hold a symbol's price; nan: it has none any more, null: it moves freely again."""

    symbol: str
    value: Price | None


class ManualOrder(Action):
    """Somebody places an order by hand, at the gateway."""

    symbol: str
    side: Literal["BUY", "SELL"]
    quantity: Decimal = Field(gt=0)
    limit_price: Decimal | None = Field(None, gt=0)


class Later(Action):
    """Do these after a while, without holding anything up."""

    seconds: Seconds
    then: "Actions"

    @model_validator(mode="after")
    def _at_any_time(self) -> "Later":
        for action in self.then:
            if action.at != "anything":
                raise ValueError(f"expected actions that need no request, found {name(type(action))}")
        return self


KINDS: dict[str, type[Action]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind for kind in Action.__subclasses__()
}


def name(kind: type[Action]) -> str:
    """How a file names it."""
    return next(name for name, known in KINDS.items() if known is kind)


def _parsed(value: Any) -> Any:
    """An action from its name, or from its name and fields."""
    if isinstance(value, Action):
        return value
    named = {value: {}} if isinstance(value, str) else value
    if not isinstance(named, dict) or len(named) != 1:
        raise ValueError(f"expected an action such as `drop` or `delay: {{seconds: 2}}`, found {value!r}")
    (kind, fields), *_ = named.items()
    if kind not in KINDS:
        raise one_of("an action", kind, KINDS)
    return KINDS[kind].model_validate({} if fields is None else fields)


def _several(value: Any) -> Any:
    """`then: drop` is short for `then: [drop]`."""
    return value if isinstance(value, list | tuple) else [value]


Actions = Annotated[tuple[Annotated[Action, BeforeValidator(_parsed)], ...], BeforeValidator(_several)]
Later.model_rebuild()
