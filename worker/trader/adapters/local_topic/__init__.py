"""Durable topics on one machine, at least once, pushed as Pub/Sub pushes: the laptop's Pub/Sub."""

from trader.adapters.local_topic.topics import LocalSubscription, LocalTopics

__all__ = ["LocalSubscription", "LocalTopics"]
