"""The topic's side of a history: messages published, delivered as planned, and again until acknowledged."""

import asyncio
from collections.abc import Mapping

from tests.chaos.actor import Actor
from tests.chaos.plan import Mail
from tests.chaos.stage import Stage
from tests.support.deliveries import delivery
from trader.decoding import Delivery
from trader.settings import DELIVERY_ATTEMPTS

BACKOFF_S = (10.0, 300.0)
AGAIN_S = 15.0
"""How soon a message comes again once the trouble is over."""


class Letter:
    """One message, and how far its delivery has come."""

    def __init__(self, mail: Mail, stage: Stage, actors: Mapping[str, Actor]) -> None:
        self.mail = mail
        self.acknowledged = False
        self.buried = False
        self.trouble = True
        self._stage = stage
        self._actors = actors
        self._attempts = 0
        self.first: Delivery | None = None

    @property
    def is_done(self) -> bool:
        """Whether nobody delivers it any more."""
        return self.acknowledged or self.buried or not (self.mail.comes_again or self.trouble)

    async def run(self) -> None:
        """Publish it at its time, and deliver it as planned."""
        await asyncio.sleep(self.mail.at)
        at = self._stage.clock.now()
        self.first = delivery(self.mail.body, published_at=at, message_id=self.mail.id)
        self._stage.witness.say("topic", f"{self.mail.id} is published: {self.mail.body}")
        await asyncio.gather(*(self._planned(n) for n in range(len(self.mail.deliveries))))

    async def clear(self, actor: Actor) -> None:
        """Deliver it again and again to a worker that is well."""
        self.trouble = False
        while not self.is_done:
            await self.deliver(actor)
            if not self.is_done:
                await asyncio.sleep(AGAIN_S)

    async def deliver(self, actor: Actor) -> bool:
        """Deliver it once; return whether that was acknowledged."""
        assert self.first is not None
        self._attempts += 1
        number = self._attempts
        if self.mail.last_from is not None and number >= self.mail.last_from:
            number = DELIVERY_ATTEMPTS
        self._stage.witness.say("topic", f"{self.mail.id} goes to {actor.name}, attempt {number}")
        taken = await actor.deliver(self.first.model_copy(update={"delivery_attempt": number}))
        if taken:
            self.acknowledged = True
            self._stage.witness.acknowledged(self.first)
        elif number >= DELIVERY_ATTEMPTS:
            self.buried = True
            self._stage.witness.say("topic", f"{self.mail.id} goes to the dead letters")
        return taken

    async def _planned(self, n: int) -> None:
        """Make the planned delivery ``n``; the first comes again by itself, from worker to worker."""
        after, name = self.mail.deliveries[n]
        await asyncio.sleep(after)
        names = [name, *(other for other in self._actors if other != name)]
        wait, longest = BACKOFF_S
        turn = 0
        while not await self.deliver(self._actors[names[turn % len(names)]]):
            turn += 1
            if n or self.is_done or not self.mail.comes_again:
                return
            await asyncio.sleep(wait)
            if self.is_done:
                return
            wait = min(wait * 2, longest)
