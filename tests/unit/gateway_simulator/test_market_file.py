from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from gateway_simulator.market_file import MarketFile, Symbol, load_market


def load(folder: Path, text: str) -> MarketFile:
    (folder / "market.yaml").write_text(text)
    return load_market(folder / "market.yaml")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "") == MarketFile()


def test_symbols_may_look_like_numbers_and_truth_values(tmp_path: Path) -> None:
    prices = load(tmp_path, "symbols: {700: {fixed: 410.5}, ON: {price: 70}, NO: {fixed: .nan}}")
    assert list(prices.symbols) == ["700", "ON", "NO"]
    assert prices.symbols["700"].fixed == Decimal("410.5")
    fixed = prices.symbols["NO"].fixed
    assert fixed is not None
    assert fixed.is_nan()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("symbols: {AAPL: {price: -1}}", "symbols.AAPL.price: expected greater than 0, found -1"),
        ("symbols: {AAPL: {price: dear}}", "symbols.AAPL.price: expected a valid number, found 'dear'"),
        ("symbols: {AAPL: {fixed: -2}}", "symbols.AAPL.fixed: expected a price or nan, found -2"),
        (
            "symbols: {AAPL: {volatility: 9}}",
            "symbols.AAPL.volatility: expected less than or equal to 5, found 9",
        ),
        (
            "symbols: {AAPL: {data: delay}}",
            "symbols.AAPL.data: expected 'live', 'delayed' or 'none', found 'delay'",
        ),
        (
            "symbols: {AAPL: {listings: [XETRA]}}",
            "symbols.AAPL.listings.0: expected a listing, found 'XETRA': one of US, IBIS, LSE, SEHK",
        ),
        ("hours: never", "hours: expected 'own' or 'always', found 'never'"),
        ("currencies: {EURO: 1.1}", "expected a currency, found 'EURO': did you mean 'EUR'?"),
        ("symbol: {AAPL: {}}", "expected others, hours, symbols, currencies, replay, found 'symbol'"),
        (
            "replay: none.csv",
            "replay: expected a readable CSV file, found 'none.csv': No such file or directory",
        ),
        ("symbols: [", "line 1: expected YAML, found: "),
        ("- AAPL", "expected a valid dictionary or instance of MarketFile, found ['AAPL']"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"market\.yaml: ") as mistake:
        load(tmp_path, text)
    assert problem in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_a_file_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"absent\.yaml: expected a readable file, found: No such file"):
        load_market(tmp_path / "absent.yaml")


def test_a_file_that_is_not_text_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "market.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"market\.yaml: expected UTF-8 text, found byte 0 that is not"):
        load_market(tmp_path / "market.yaml")


def test_the_example_has_every_key() -> None:
    prices = load_market(Path(str(files("gateway_simulator"))) / "markets" / "example.yaml")
    assert prices.model_fields_set == set(MarketFile.model_fields)
    used = {key for symbol in prices.symbols.values() for key in symbol.model_fields_set}
    assert used == set(Symbol.model_fields)
