"""Finds the intents and the strategies by walking their packages; nothing registers itself."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TypeVar

from trader import intents, strategies
from trader.domain.strategy import AnyStrategy, Strategy
from trader.intent import AnyIntent, Intent

T = TypeVar("T")


def find_intents(package: ModuleType = intents) -> Mapping[str, AnyIntent]:
    """Return the intents of ``package`` by name, sorted; raises TypeError for a module that exposes none."""
    return {intent.name: intent for intent in _exposed(package, "INTENT", Intent, lambda found: found.name)}


def find_strategies(package: ModuleType = strategies) -> Mapping[str, AnyStrategy]:
    """Return the strategies of ``package`` by id, sorted; raises TypeError for a module that exposes none."""
    return {found.id: found for found in _exposed(package, "STRATEGY", Strategy, lambda found: found.id)}


def _exposed(package: ModuleType, name: str, kind: type[T], named: Callable[[T], str]) -> list[T]:
    """Return the value ``name`` of each module of ``package``, by its own name; each must be of ``kind``."""
    found: dict[str, T] = {}
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        value = getattr(module, name, None)
        if not isinstance(value, kind):
            raise TypeError(
                f"expected {module.__name__} to expose {name}, of {kind.__name__}; found {value!r}"
            )
        if named(value) in found:
            raise TypeError(f"expected one {kind.__name__} of the name {named(value)}, found two")
        found[named(value)] = value
    return [found[key] for key in sorted(found)]
