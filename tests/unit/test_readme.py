"""The README says what the code does: its table is current, its examples run."""

import importlib
import json
import re
import shlex
import sys
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from tests.support.schemas import problems
from trader.discovery import find_intents
from trader.domain.strategy import Strategy
from trader.domain.targets import Hold
from trader.entrypoints.cli.app import app
from trader.intent import AnyIntent
from trader.runs.decoding import understand
from trader.schemas.readme import with_intents
from trader.schemas.schemas import schema_files

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
INTENTS = find_intents()


def blocks(language: str) -> list[str]:
    """Return the README's fenced blocks of ``language``."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def commands() -> Iterator[list[str]]:
    """Yield each command of the README's shell blocks, as its words."""
    for block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words


def test_the_table_of_intents_is_current() -> None:
    assert "<!-- intents:begin -->" in README
    assert with_intents(README, INTENTS.values()) == README, "run `trader schemas`"


def test_the_sections_stand_in_their_order() -> None:
    assert re.findall(r"^## (.*)$", README, flags=re.MULTILINE) == [
        "Run it",
        "What happens to one intent",
        "The intents",
        "Publish one with gcloud",
        "Schedules",
        "Stop trading now",
        "What is held, and what is in doubt",
        "What could not be delivered",
        "When something is wrong",
        "Traces",
        "What it costs",
        "Deploy",
        "Where things are",
        "Add an intent",
        "Add a strategy",
    ]


def messages() -> list[str]:
    """Return each intent message that the README shows, also those given to gcloud."""
    published = [word for words in commands() for word in words if word.startswith("--message=")]
    return [*blocks("json"), *(word.removeprefix("--message=") for word in published)]


@pytest.mark.parametrize("text", messages())
def test_each_message_that_is_shown_is_understood(text: str) -> None:
    body = json.loads(text)
    assert problems("intent-message", body) == []
    understand(body, INTENTS)


def test_messages_are_shown_both_ways() -> None:
    assert len(blocks("json")) >= 2
    assert len(messages()) > len(blocks("json"))


def shown() -> list[list[str]]:
    """Return the arguments of each `trader` command, whatever variables stand before it."""
    plain = ([*dropwhile(lambda word: "=" in word, words)] for words in commands())
    return [words[1:] for words in plain if words and Path(words[0]).name == "trader"]


@pytest.mark.parametrize("arguments", shown(), ids=" ".join)
def test_each_command_that_is_shown_is_taken_as_it_stands(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsed as when it is typed, and not run, where the file is that another command of the README makes."""
    (tmp_path / "service.json").touch()
    monkeypatch.chdir(tmp_path)
    command, at = get_command(app), Context(get_command(app))
    while isinstance(command, TyperGroup) and arguments:  # some groups do something by themselves
        _, found, arguments = command.resolve_command(at, arguments)
        assert found is not None
        command, at = found, Context(found, parent=at)
    command.make_context(command.name, arguments, parent=at)


def test_each_folder_that_is_named_exists() -> None:
    _, _, section = README.partition("## Where things are\n")
    named = re.findall(r"^\| `(.*?)` \|", section.partition("\n## ")[0], flags=re.MULTILINE)
    assert named
    for path in named:
        assert (Path(__file__).parents[2] / path).exists(), path


@pytest.fixture
def package(tmp_path: Path) -> Iterator[ModuleType]:
    """A package with the README's intent and its strategy as modules."""
    found = ModuleType("readme_example")
    found.__path__ = [str(tmp_path)]
    for name, text in zip(("held", "above_average"), blocks("python"), strict=True):
        (tmp_path / f"{name}.py").write_text(text)
    sys.modules[found.__name__] = found
    yield found
    for name in [name for name in sys.modules if name.partition(".")[0] == found.__name__]:
        del sys.modules[name]


def test_the_intent_that_is_shown_is_found_and_gets_its_row_and_schemas(
    package: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "above_average.py").unlink()
    found = find_intents(package)
    assert list(found) == ["held"]
    assert undocumented(found["held"]) == []
    assert "intents/held.outcome.schema.json" in schema_files({**INTENTS, **found})
    assert "| `held` | reading | 1 h | symbol |" in with_intents(README, found.values())
    understand(found["held"].example, found)


def test_the_strategy_that_is_shown_holds_when_it_knows_nothing(package: ModuleType) -> None:
    strategy = importlib.import_module("readme_example.above_average").STRATEGY
    assert isinstance(strategy, Strategy)
    (target,) = strategy.decide({}, strategy.parameters()).targets
    assert isinstance(target, Hold)


def undocumented(intent: AnyIntent) -> list[str]:
    """Return what of ``intent`` has no words for a reader."""
    module = sys.modules[intent.handle.__module__].__doc__
    models: list[type[BaseModel]] = [intent.command, intent.outcome]
    lacking = [] if module else ["module"]
    lacking += [model.__name__ for model in models if not model.__dict__.get("__doc__")]
    return lacking + [name for name, f in intent.command.model_fields.items() if not f.description]


@pytest.mark.parametrize("name", INTENTS)
def test_each_intent_and_each_of_its_fields_is_described(name: str) -> None:
    assert undocumented(INTENTS[name]) == []


@pytest.mark.parametrize(
    ("words", "lacking"),
    [
        ('"""How much of one symbol the account holds."""', "module"),
        ('"""Which symbol to look for."""', "Held"),
        ('description="In capitals, such as SPY."', "symbol"),
    ],
)
def test_an_intent_without_words_is_noticed(
    package: ModuleType, tmp_path: Path, words: str, lacking: str
) -> None:
    (tmp_path / "above_average.py").unlink()
    text = (tmp_path / "held.py").read_text()
    assert words in text
    (tmp_path / "held.py").write_text(text.replace(words, ""))
    assert undocumented(find_intents(package)["held"]) == [lacking]
