"""Finds the intents and the strategies by walking their packages; nothing registers itself."""

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType

from trader import intents
from trader.intent import AnyIntent, Intent


def find_intents(package: ModuleType = intents) -> Mapping[str, AnyIntent]:
    """Return the intents of ``package`` by name, sorted; raises TypeError for a module that exposes none."""
    found: dict[str, AnyIntent] = {}
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        intent = getattr(module, "INTENT", None)
        if not isinstance(intent, Intent):
            raise TypeError(f"expected {module.__name__} to expose INTENT, an Intent; found {intent!r}")
        if intent.name in found:
            raise TypeError(f"expected one intent of the name {intent.name}, found two")
        found[intent.name] = intent
    return dict(sorted(found.items()))
