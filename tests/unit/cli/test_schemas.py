"""`trader schemas`: writes what is generated, and says what isn't current."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Trader = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, trader: Trader) -> Path:
    """A folder of schemas just written, with a README beside it."""
    (tmp_path / "README.md").write_text(
        "# Title\n\n<!-- intents:begin -->\n<!-- intents:end -->\n\nThe rest\n"
    )
    assert trader("schemas", "--dir", str(tmp_path / "schemas")).code == 0
    return tmp_path / "schemas"


def test_what_was_just_written_is_current_and_is_not_written_again(trader: Trader, folder: Path) -> None:
    checked = trader("schemas", "--check", "--dir", str(folder))
    assert (checked.code, checked.err) == (0, "")
    assert "0 changed" in trader("schemas", "--dir", str(folder)).out


def test_the_readme_gets_its_table_and_keeps_the_rest(folder: Path) -> None:
    text = (folder.parent / "README.md").read_text()
    assert text.startswith("# Title\n")
    assert text.endswith("\nThe rest\n")
    assert "| `summary` |" in text


@pytest.mark.parametrize(
    ("path", "spoil", "found"),
    [
        ("result.schema.json", lambda path: path.write_text("{}"), "stale"),
        ("asyncapi.yaml", lambda path: path.unlink(), "missing"),
        ("intents/summary.message.schema.json", lambda path: path.unlink(), "missing"),
        (
            "../README.md",
            lambda path: path.write_text(path.read_text().replace("reading", "writing")),
            "stale",
        ),
        (
            "intents/gone.outcome.schema.json",
            lambda path: path.write_text((path.parent / "summary.outcome.schema.json").read_text()),
            "superfluous",
        ),
    ],
)
def test_each_file_that_is_not_current_is_named_and_mended(
    trader: Trader, folder: Path, path: str, spoil: Callable[[Path], None], found: str
) -> None:
    spoil(folder / path)
    checked = trader("schemas", "--check", "--dir", str(folder))
    assert (checked.code, checked.err.count("\n")) == (1, 1)
    assert (folder / path).name in checked.err
    assert f"found it {found}" in checked.err
    trader("schemas", "--dir", str(folder))
    assert trader("schemas", "--check", "--dir", str(folder)).code == 0


def test_a_file_that_was_written_by_hand_is_left_alone(trader: Trader, folder: Path) -> None:
    own = folder / "mine.schema.json"
    own.write_text("{}")
    assert trader("schemas", "--check", "--dir", str(folder)).code == 0
    trader("schemas", "--dir", str(folder))
    assert own.read_text() == "{}"
