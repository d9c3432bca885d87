"""The topic's side of a history: messages published, delivered as planned, and again until acknowledged."""

import asyncio
import json
from collections.abc import Mapping, Sequence

from tests.chaos.actor import Actor
from tests.chaos.plan import Mail
from tests.chaos.stage import Stage
from tests.support.deliveries import delivery
from trader.ports import OutgoingMessage
from trader.runs.decoding import Delivery
from trader.settings import DELIVERY_ATTEMPTS

BACKOFF_S = (10.0, 300.0)
AGAIN_S = 15.0
"""How soon a message comes again once the trouble is over."""


class Letter:
    """One message, and how far its delivery has come."""

    def __init__(self, mail: Mail, stage: Stage) -> None:
        self.mail = mail
        self.is_taken = False
        self.is_buried = False
        self.first: Delivery | None = None
        self._stage = stage
        self._attempts = 0

    @property
    def is_done(self) -> bool:
        """Whether the topic is rid of it."""
        return self.is_taken or self.is_buried

    @property
    def comes_again(self) -> bool:
        """Whether the topic has a reason to deliver it again, and does."""
        return self.mail.comes_again and not self.is_done

    def publish(self) -> None:
        at = self._stage.clock.now()
        attributes = self.mail.attributes
        self.first = delivery(self.mail.body, published_at=at, message_id=self.mail.id, attributes=attributes)
        self._stage.witness.published_at[self.mail.id] = at
        tick = f" for the tick of {attributes['schedule']}" if "schedule" in attributes else ""
        self._stage.witness.say("topic", f"has {self.mail.id}{tick}: {json.dumps(self.mail.body)}")

    async def deliver(self, actor: Actor) -> bool:
        """Deliver it once; return whether that was acknowledged."""
        assert self.first is not None
        self._attempts += 1
        number = self._attempts
        if self.mail.last_from is not None and number >= self.mail.last_from:
            number = DELIVERY_ATTEMPTS
        self._stage.witness.say("topic", f"delivers {self.mail.id}, attempt {number}", actor.name)
        taken = await actor.deliver(self.first.model_copy(update={"delivery_attempt": number}))
        if taken:
            self.is_taken = True
            self._stage.witness.say(actor.name, f"acknowledges {self.mail.id}", "topic")
        elif number >= DELIVERY_ATTEMPTS:
            self.is_buried = True
            self._stage.witness.say("topic", f"puts {self.mail.id} to the dead letters")
        return taken


class Post:
    """Delivers the messages of a history, and those that its runs publish."""

    def __init__(self, mails: Sequence[Mail], stage: Stage, actors: Mapping[str, Actor]) -> None:
        self.letters = [Letter(mail, stage) for mail in mails]
        self._stage = stage
        self._actors = actors
        self._under_way: list[asyncio.Task[None]] = []
        self._is_over = False
        stage.witness.follows_up = self.take

    def start(self) -> None:
        """Publish each message at its time, and deliver it as planned."""
        self._under_way += [asyncio.create_task(self._post(letter)) for letter in self.letters]

    async def stop(self) -> None:
        """Break off what is under way, and deliver nothing more but what is asked for.

        What was to be published at this very moment, and isn't yet, never is.
        """
        self._is_over = True
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self.letters = [letter for letter in self.letters if letter.first is not None]

    async def clear(self, actor: Actor) -> None:
        """Deliver to a worker that is well what comes again, and what is published meanwhile."""
        while waiting := [letter for letter in self.letters if letter.comes_again]:
            await asyncio.gather(*(letter.deliver(actor) for letter in waiting))
            if any(letter.comes_again for letter in self.letters):
                await asyncio.sleep(AGAIN_S)

    async def _post(self, letter: Letter) -> None:
        await asyncio.sleep(letter.mail.at)
        letter.publish()
        await asyncio.gather(*(self._deliver(letter, n) for n in range(len(letter.mail.deliveries))))

    async def _deliver(self, letter: Letter, n: int) -> None:
        """Make the planned delivery ``n``; the first comes again by itself, from worker to worker."""
        after, name = letter.mail.deliveries[n]
        await asyncio.sleep(after)
        names = [name, *(other for other in self._actors if other != name)]
        wait, longest = BACKOFF_S
        turn = 0
        while not await letter.deliver(self._actors[names[turn % len(names)]]):
            turn += 1
            if n == 0 and letter.comes_again:
                await asyncio.sleep(wait)
            if n or not letter.comes_again:
                return
            wait = min(wait * 2, longest)

    def take(self, message: OutgoingMessage) -> None:
        """Take a message that a run has published."""
        mail = Mail(
            id=f"then{len(self.letters)}",
            body=json.loads(message.data),
            at=0.0,
            deliveries=((0.0, next(iter(self._actors))),),
            attributes=message.attributes,
        )
        letter = Letter(mail, self._stage)
        letter.publish()
        self.letters.append(letter)
        if self._is_over:
            return
        self._under_way.append(asyncio.create_task(self._deliver(letter, 0)))
