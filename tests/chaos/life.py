"""One life of a worker: what befalls it at its port calls, and what a frozen process is."""

import asyncio
import inspect
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tests.chaos.plan import Blow
from tests.support.crash import _ERRORS as ERRORS
from tests.support.crash import _UNCOUNTED as UNCOUNTED
from tests.support.crash import Died
from tests.support.ib import GatewayTime
from trader.domain.errors import GatewayNotReady


class Life:
    """Counts the port calls of one process, makes each take a while, and lets its blows fall.

    Nothing of a frozen process goes on: whatever it asks of a port, or of the clock, waits until it thaws.
    """

    def __init__(
        self,
        blows: tuple[Blow, ...],
        latencies: Iterator[float],
        *,
        says: Callable[[str], None],
        dies: Callable[[], None],
        halts: Callable[[], Awaitable[None]],
    ) -> None:
        self.dead = False
        self.calls: Counter[str] = Counter()
        self._blows = list(blows)
        self._latencies = latencies
        self._says = says
        self._dies = dies
        self._halts = halts
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._owed: Exception | None = None

    @property
    def is_frozen(self) -> bool:
        return not self._thawed.is_set()

    async def goes_on(self) -> None:
        """Wait while the process is frozen. Raises Died, or what a call raised that took place meanwhile."""
        await self._thawed.wait()
        if self.dead:
            raise Died
        if self._owed is not None:
            owed, self._owed = self._owed, None
            raise owed

    async def before(self, name: str) -> Blow | None:
        """Begin a call; return the blow that falls on it."""
        await self._takes_a_while()
        blow = self.met(name)
        if blow is not None and blow.how == "is halted before":
            await self._halts()
        if blow is not None and blow.how == "freezes before":
            self.freeze(blow.seconds)
            await self.goes_on()
        return blow

    async def after(self, name: str, blow: Blow | None) -> None:
        """End a call."""
        await self._takes_a_while()
        if blow is not None and blow.how == "freezes after":
            self.freeze(blow.seconds)
        await self.goes_on()
        self.struck(name, blow, "after")

    async def _takes_a_while(self) -> None:
        if latency := next(self._latencies):
            await asyncio.sleep(latency)
        await self.goes_on()

    def met(self, name: str) -> Blow | None:
        """Count a call; raises what a blow before it does."""
        if self.dead:
            raise Died
        self.calls[name] += 1
        for blow in self._blows:
            if name.startswith(blow.call):
                count = sum(count for called, count in self.calls.items() if called.startswith(blow.call))
                if count == blow.nth:
                    self._blows.remove(blow)
                    self.struck(name, blow, "before")
                    return blow
        return None

    def struck(self, name: str, blow: Blow | None, when: str) -> None:
        """Die, or raise the port's error, if that is what the blow does now."""
        if blow is None:
            return
        if blow.how == f"dies {when}":
            self._says(f"DIES {when} {name}")
            self.die()
        if blow.how == f"fails {when}":
            self._says(f"gets an error {when} {name}{' took effect' if when == 'after' else ''}")
            raise ERRORS[name.partition(".")[0]]

    def die(self) -> None:
        self.dead = True
        self._dies()
        raise Died

    def freeze(self, seconds: float, then: Callable[[], None] = lambda: None) -> None:
        """Stand still for so long, and do ``then`` before anything else."""
        self._says(f"FREEZES for {seconds:g} s")
        self._thawed.clear()

        def thaw() -> None:
            if not self.dead:
                self._says("goes on")
                try:
                    then()
                except GatewayNotReady as error:
                    self._owed = error
            self._thawed.set()

        asyncio.get_running_loop().call_later(seconds, thaw)


class Port:
    """A port in front of the real one, each of whose calls is one of a life's."""

    def __init__(self, name: str, port: Any, life: Life) -> None:
        self._name = name
        self._port = port
        self._life = life

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._port, method)
        name = f"{self._name}.{method}"
        if not callable(real):
            return real
        if method in UNCOUNTED:
            return self._waits(real) if inspect.iscoroutinefunction(real) else real
        return self._async(name, real) if inspect.iscoroutinefunction(real) else self._sync(name, real)

    def _waits(self, real: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._life.goes_on()
            answer = await real(*args, **kwargs)
            await self._life.goes_on()
            return answer

        return call

    def _async(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            blow = await self._life.before(name)
            answer = await real(*args, **kwargs)
            await self._life.after(name, blow)
            return answer

        return call

    def _sync(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """A call that can't wait: what follows in a process that freezes before it is nothing but its end."""

        def call(*args: Any, **kwargs: Any) -> Any:
            blow = self._life.met(name)
            if blow is not None and blow.how == "freezes before" and name == "orders.place":
                self._life.freeze(blow.seconds, lambda: real(*args, **kwargs))
                return None
            answer = real(*args, **kwargs)
            if blow is not None and blow.how.startswith("freezes"):
                self._life.freeze(blow.seconds)
            self._life.struck(name, blow, "after")
            return answer

        return call


class LifeClock(GatewayTime):
    """A worker's clock: the gateway's, as wrong as it is set, and still while the process is frozen."""

    def __init__(self, gateway: Any, skew_s: float, life: Life) -> None:
        super().__init__(gateway, skew_s)
        self._life = life

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._life.goes_on()


def cycled(values: tuple[float, ...]) -> Iterator[float]:
    """Return the values again and again."""
    return itertools.cycle(values)
