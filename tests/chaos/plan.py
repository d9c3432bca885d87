"""A history before it happens: all that is drawn of it, as data that never changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway_simulator.scenario import Rule
from trader.domain.trading_state import TradingState

Body = Mapping[str, Any]
"""A JSON object, of a message, a configuration, or an action of the simulator's."""
How = Literal[
    "dies before",
    "dies after",
    "fails before",
    "fails after",
    "freezes before",
    "freezes after",
    "is halted before",
]


@dataclass(frozen=True, slots=True)
class Blow:
    """What befalls a worker at the ``nth`` of its port calls whose names begin with ``call``."""

    call: str
    nth: int
    how: How
    seconds: float = 0.0  # for which it freezes

    def __str__(self) -> str:
        frozen = f" for {self.seconds:g} s" if self.seconds else ""
        return f"{self.how} call {self.nth} of {self.call or 'any port'}{frozen}"


@dataclass(frozen=True, slots=True)
class Mail:
    """A message, when it is published, and each time and worker to which the topic delivers it unasked.

    While ``comes_again``, a delivery that was not acknowledged is repeated. ``last_from`` is the delivery
    from which on the topic says that it is the last attempt.
    """

    id: str
    body: Body
    at: float
    deliveries: tuple[tuple[float, str], ...]
    comes_again: bool = True
    last_from: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cast:
    """A worker: which gateway it sits beside, how wrong its clock is, and what befalls each of its lives."""

    name: str
    gateway: str
    skew_s: float
    lives: tuple[tuple[Blow, ...], ...]
    down_s: float  # between two lives
    starts_at: float = 0.0
    handler_s: float = 480.0  # after which a handler leaves the rest to a continuation


@dataclass(frozen=True, slots=True)
class GatewayDoes:
    """Actions of the simulator's, with nothing that caused them."""

    gateway: str
    actions: tuple[Body | str, ...]


@dataclass(frozen=True, slots=True)
class Killed:
    """A worker dies, wherever it is."""

    worker: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """A worker is told to stop (SIGTERM), and killed a while later."""

    worker: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """A worker stands still, wherever it is, and then goes on."""

    worker: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StateSet:
    """A person writes the trading state straight into the store."""

    state: TradingState


@dataclass(frozen=True, slots=True)
class ShareSet:
    """A person changes how much of everything a strategy may use, straight in the store."""

    strategy: str
    share: float


@dataclass(frozen=True, slots=True)
class Down:
    """The store or the topic answers with errors for a while; ``applies``: it does what it is asked to."""

    port: Literal["store", "publisher"]
    seconds: float
    applies: bool


@dataclass(frozen=True, slots=True)
class Lag:
    """What is written to sockets takes longer for a while."""

    seconds: float
    lag_s: float


What = GatewayDoes | Killed | Stopped | Frozen | StateSet | ShareSet | Down | Lag


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens at its time, seconds into the history."""

    at: float
    what: What


@dataclass(frozen=True, slots=True)
class Plan:
    """One history. After ``length_s`` all trouble ends, and one healthy worker clears up what is left."""

    seed: int
    theme: str
    market_seed: int
    first_order_ids: tuple[int, int]  # of the two gateways' counters
    order: Body  # the configuration's
    resends: bool
    latencies: tuple[float, ...]  # of port calls, one after another
    mail: tuple[Mail, ...]
    workers: tuple[Cast, ...]
    rules: tuple[Rule, ...]
    happenings: tuple[Happening, ...]
    length_s: float
    last_gateway: str  # the healthy worker's
    next_day: bool  # whether it works only the morning after, beside a gateway that remembers nothing

    @property
    def two_gateways(self) -> bool:
        return any(worker.gateway == "2" for worker in self.workers) or self.last_gateway == "2"
