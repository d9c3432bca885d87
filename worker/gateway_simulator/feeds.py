"""Subscriptions: what a client is told again whenever it has changed."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway_simulator.wire.layout import Message

Keyed = tuple[Hashable, Message]

PULSE_S = 1.0  # prices and P&L
ACCOUNT_S = 180.0  # account values, as IB does when nothing was traded


@dataclass(frozen=True, slots=True)
class Feed:
    """What to tell, by what it is about; how often to look, and whether a trade is a reason to."""

    produce: Callable[[], Iterable[Keyed]]
    every_s: float = PULSE_S
    on_trade: bool = False
    is_market_data: bool = False


class Feeds:
    """The subscriptions of one client, and what it has been told already."""

    def __init__(self) -> None:
        self._feeds: dict[Hashable, Feed] = {}
        self._told: dict[Hashable, dict[Hashable, Message]] = {}
        self._due: dict[Hashable, datetime] = {}

    def start(self, key: Hashable, feed: Feed, now: datetime) -> list[Message]:
        """Begin (or replace) a subscription; everything is new to the client."""
        self._feeds[key], self._told[key] = feed, {}
        return self._news(key, now)

    def stop(self, key: Hashable) -> bool:
        """End a subscription; whether there was one."""
        self._told.pop(key, None)
        self._due.pop(key, None)
        return self._feeds.pop(key, None) is not None

    def stop_market_data(self) -> None:
        """End those that IB loses with a connection whose data is not maintained (1101)."""
        for key in [key for key, feed in self._feeds.items() if feed.is_market_data]:
            self.stop(key)

    def due(self, now: datetime) -> list[Message]:
        """What has changed in the subscriptions whose time has come."""
        return [m for key in tuple(self._feeds) if self._due[key] <= now for m in self._news(key, now)]

    def traded(self, now: datetime) -> list[Message]:
        """What has changed in the subscriptions that a trade changes."""
        return [m for key, feed in tuple(self._feeds.items()) if feed.on_trade for m in self._news(key, now)]

    def _news(self, key: Hashable, now: datetime) -> list[Message]:
        feed, told = self._feeds[key], self._told[key]
        self._due[key] = now + timedelta(seconds=feed.every_s)
        news = [(about, message) for about, message in feed.produce() if told.get(about) != message]
        told.update(news)
        return [message for _, message in news]
