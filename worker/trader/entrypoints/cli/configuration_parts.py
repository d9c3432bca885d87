"""The parts of the configuration in a store: which overlay an account gets, and where a value comes from."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from trader.domain.configuration_reading import overlay, problems
from trader.domain.wire import JsonObject
from trader.entrypoints.cli.stored import account_of
from trader.ports import Store
from trader.settings import Settings
from trader.stored import records


@dataclass(frozen=True, slots=True)
class Parts:
    """What an account's configuration is made of: the common part, and its own laid over it."""

    account: str
    common: JsonObject | None
    own: JsonObject | None

    @property
    def whole(self) -> JsonObject:
        """The overlay, unchecked."""
        return overlay(self.common, self.own)

    def problems(self) -> tuple[str, ...]:
        """Return all that is wrong with the whole, one line each."""
        if self.common is None and self.own is None:
            return ("configuration: expected one, found none; write it with `trader config set FILE`",)
        named = self.whole.get("account")
        if isinstance(named, str) and named != self.account:
            other = f"expected {self.account}, found {named}; correct it, or name the other with --account"
            return (f"account: {other}", *problems(self.whole))
        return problems(self.whole)

    def origin(self, path: tuple[str, ...]) -> str:
        """Return which part the value at ``path`` of the whole is from."""
        for name, part in (("account", self.own), ("common", self.common)):
            if part is not None and _has(part, path):
                return name
        return "default"


async def parts_of(store: Store, account: str) -> Parts:
    """Return the stored parts."""
    common = await store.get(records.COMMON_CONFIGURATION)
    own = await store.get(records.configuration_path(account))
    return Parts(account, common.data if common else None, own.data if own else None)


async def own_account(store: Store, settings: Settings, data: JsonObject | None) -> str:
    """Return whose own part ``data`` is to be: the account that it names, if that one may be meant."""
    named = (data or {}).get("account")
    if settings.account is None and isinstance(named, str) and re.fullmatch(r"[A-Za-z0-9]{2,32}", named):
        known = await records.known_accounts(store)
        if not known or named in known:
            return named
    return await account_of(store, settings)


async def common_problems(store: Store, settings: Settings, data: JsonObject) -> tuple[str, ...]:
    """Return what is wrong with ``data`` as the common part, below each account that has one of its own."""
    accounts = {*await records.known_accounts(store), *([settings.account] if settings.account else [])}
    below = [await parts_of(store, account) for account in sorted(accounts)]
    wholes = [Parts(parts.account, data, parts.own) for parts in below if parts.own is not None]
    if not wholes:
        return problems(data, partial=True)
    return tuple(f"{whole.account}: {line}" for whole in wholes for line in whole.problems())


def leaves(whole: JsonObject, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each value's path and the value as text."""
    for name, value in whole.items():
        path = (*above, name)
        if isinstance(value, dict) and value:
            yield from leaves(value, path)
        else:
            yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _has(part: JsonObject, path: tuple[str, ...]) -> bool:
    first, *rest = path
    if first not in part:
        return False
    below = part[first]
    return not rest or (isinstance(below, dict) and _has(below, tuple(rest)))
