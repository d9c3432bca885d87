"""No order goes unless mode, account, gateway port and configuration agree, and the refusal says which."""

from itertools import product

import pytest
from pydantic import JsonValue

from trader.domain.configuration import Configuration
from trader.domain.configuration_reading import parse
from trader.domain.configuration_sample import sample
from trader.domain.interlock import LIVE_PORTS, interlock_refusal
from trader.domain.status import Mode


def configured(account: str, **changes: JsonValue) -> Configuration:
    return parse({**sample(account), **changes})


def code(mode: Mode, account: str, port: int, configuration: Configuration | None = None) -> str | None:
    refusal = interlock_refusal(
        mode=mode, account=account, gateway_port=port, configuration=configuration or configured(account)
    )
    return refusal.code if refusal else None


@pytest.mark.parametrize(
    ("mode", "account", "port"),
    [
        (Mode.PAPER, "DU1234567", 4002),
        (Mode.PAPER, "DU1234567", 7497),
        (Mode.PAPER, "DF1234567", 40123),
        (Mode.LIVE, "U1234567", 4001),
        (Mode.LIVE, "U1234567", 7496),
        (Mode.LIVE, "F1234567", 4001),
    ],
)
def test_what_agrees_may_trade(mode: Mode, account: str, port: int) -> None:
    assert code(mode, account, port) is None


@pytest.mark.parametrize(
    ("mode", "account", "port", "expected"),
    [
        (Mode.PAPER, "U1234567", 4002, "interlock-account"),
        (Mode.LIVE, "DU1234567", 4001, "interlock-account"),
        (Mode.PAPER, "DU1234567", 4001, "interlock-port"),
        (Mode.PAPER, "DU1234567", 7496, "interlock-port"),
        (Mode.LIVE, "U1234567", 4002, "interlock-port"),
    ],
)
def test_what_disagrees_is_named_by_its_code(mode: Mode, account: str, port: int, expected: str) -> None:
    assert code(mode, account, port) == expected


def test_one_thing_that_is_wrong_is_always_enough() -> None:
    for mode, account, port in product(Mode, ("DU1", "U1"), (4001, 4002)):
        says_live = (mode is Mode.LIVE, account == "U1", port in LIVE_PORTS)
        assert (code(mode, account, port) is None) == (len(set(says_live)) == 1)


def test_an_account_that_is_not_allowed_is_refused() -> None:
    configuration = configured("DU1")
    assert code(Mode.PAPER, "DU2", 4002, configuration) == "interlock-allowed-accounts"


def test_an_account_must_be_the_configured_one_even_if_another_is_allowed_beside_it() -> None:
    configuration = configured("DU1", allowedAccounts=["DU1", "DU2"])
    assert code(Mode.PAPER, "DU2", 4002, configuration) == "interlock-allowed-accounts"


def test_a_refusal_tells_what_was_expected_and_found_and_what_to_do() -> None:
    refusal = interlock_refusal(
        mode=Mode.PAPER, account="DU1", gateway_port=4001, configuration=configured("DU1")
    )
    assert refusal is not None
    for word in ("expected", "paper", "4001", "no order is sent"):
        assert word in refusal.message
