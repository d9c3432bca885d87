"""Intents and strategies are found by walking their packages; a module that exposes none is named."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from trader.discovery import find_intents, find_strategies

STRATEGY = """
from trader.domain.strategy import Strategy
from trader.domain.wire import Wire
STRATEGY = Strategy("mine", Wire, lambda _: (), lambda bars, _: None)
"""


@pytest.fixture
def package(tmp_path: Path) -> Iterator[ModuleType]:
    found = ModuleType("found_here")
    found.__path__ = [str(tmp_path)]
    sys.modules[found.__name__] = found
    yield found
    for name in [name for name in sys.modules if name.partition(".")[0] == found.__name__]:
        del sys.modules[name]


def test_what_ships_is_found_by_name() -> None:
    assert list(find_strategies()) == ["buy-and-hold", "spymacdvixy", "testsignalgenerator"]
    assert {"allocation", "spymacdvixy", "testsignalgenerator"} <= set(find_intents())


def test_a_strategy_is_one_new_file(package: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(STRATEGY)
    assert list(find_strategies(package)) == ["mine"]


def test_a_module_without_a_strategy_is_named(package: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(TypeError, match=r"expected found_here.empty to expose STRATEGY"):
        find_strategies(package)


def test_two_of_one_name_are_refused(package: ModuleType, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.py").write_text(STRATEGY)
    with pytest.raises(TypeError, match="of the name mine, found two"):
        find_strategies(package)
