"""Publishes the schedules' messages at their ticks: the laptop's Cloud Scheduler."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from trader.adapters.local_topic import LocalTopics
from trader.adapters.local_topic.topics import microseconds
from trader.domain.errors import TopicUnavailable
from trader.domain.schedule import TOLERANCE, nearest_tick
from trader.domain.schedules import Period, Schedule
from trader.domain.ticks import ticks_between, ticks_from
from trader.domain.wire import write_time
from trader.entrypoints.cli.message import encoded
from trader.ports import Clock, OutgoingMessage, Topic

CATCH_UP = timedelta(seconds=60)
"""How late a tick is still published: well within what its run key takes for the same tick."""
LONGEST_S = 20.0
"""Between two looks at the clock: a machine that slept, or whose clock was set, has another time then."""
AGAIN_S = 1.0

_MOMENT = timedelta(microseconds=1)


class Firing:
    """Publishes each tick of ``standing`` once; ``tell`` is given a line about each.

    What was published is read from the topic itself, so a stack that is started again doesn't repeat it.
    """

    def __init__(
        self, topics: LocalTopics, clock: Clock, standing: Sequence[Period], tell: Callable[[str], None]
    ) -> None:
        self._topics = topics
        self._clock = clock
        self._standing = standing
        self._tell = tell

    async def run(self) -> None:
        """Publish until cancelled, the ticks of the last minute first."""
        done = self._clock.now() - CATCH_UP
        while True:
            now = self._clock.now()
            too_late = max(done, now - CATCH_UP)
            for period in self._standing:
                self._tell_missed(period.schedule.name, _ticks(period, done, too_late))
            done = too_late
            try:
                for period in self._standing:
                    for tick in _ticks(period, done, now):
                        await self._fire(period.schedule, tick)
            except TopicUnavailable as error:
                self._tell(f"{error}; tried again")
                await self._clock.sleep(AGAIN_S)
                continue
            done = max(done, now)
            await self._clock.sleep(self._until_next(now))

    async def _fire(self, schedule: Schedule, tick: datetime) -> None:
        if nearest_tick(schedule.cron, schedule.time_zone, self._clock.now()) != tick:
            self._tell_missed(schedule.name, [tick])  # the worker would take it for the next one
            return
        published = await self._published(schedule, tick)
        for attributes in schedule.attributes():
            if attributes not in published:
                message = OutgoingMessage(Topic.INTENTS, encoded(schedule.message), attributes)
                message_id = await self._topics.publish(message)
                self._tell(f"{schedule.name}, due at {write_time(tick)}: published as {message_id}")

    async def _published(self, schedule: Schedule, tick: datetime) -> list[dict[str, str]]:
        """Return the attributes of each message that the worker takes for one of ``tick``."""
        since = str(microseconds(tick - TOLERANCE) - 1)
        return [
            dict(message.attributes)
            async for message in self._topics.subscription(Topic.INTENTS, after=since).follow(wait=False)
            if nearest_tick(schedule.cron, schedule.time_zone, message.published_at) == tick
        ]

    def _tell_missed(self, job: str, ticks: Sequence[datetime]) -> None:
        if ticks:
            more = f" and {len(ticks) - 1} before it" if len(ticks) > 1 else ""
            self._tell(f"{job}, due at {write_time(ticks[-1])}{more}: too late, not published")

    def _until_next(self, now: datetime) -> float:
        of_each = (
            next(ticks_from(period.schedule.cron, period.schedule.time_zone, now + _MOMENT), None)
            for period in self._standing
        )
        return min([LONGEST_S, *((tick - now).total_seconds() for tick in of_each if tick is not None)])


def _ticks(period: Period, after: datetime, until: datetime) -> list[datetime]:
    """Return the ticks after ``after`` and up to ``until``, as far as the schedule stood by then."""
    schedule, start = period.schedule, max(after + _MOMENT, period.since)
    return list(ticks_between(schedule.cron, schedule.time_zone, start, until + _MOMENT))
