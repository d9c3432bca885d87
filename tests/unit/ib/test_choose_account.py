"""Which account is traded, and which login is refused."""

import pytest

from trader.adapters.ib.connection import choose_account
from trader.adapters.ib.unusable import Unusable
from trader.domain.gateway import GatewayState
from trader.domain.status import Mode


def test_without_a_configured_account_the_first_of_the_login_is_traded() -> None:
    assert choose_account(("DU1", "DU2"), None, Mode.PAPER) == "DU1"


def test_the_configured_account_is_traded_wherever_it_stands_in_the_list() -> None:
    assert choose_account(("DU1", "DU2"), "DU2", Mode.PAPER) == "DU2"


def test_a_login_that_does_not_manage_the_configured_account_is_refused() -> None:
    with pytest.raises(Unusable, match="expected account DU9, found DU1, DU2") as refused:
        choose_account(("DU1", "DU2"), "DU9", Mode.PAPER)

    assert (refused.value.state, refused.value.code) == (GatewayState.REFUSED, "account-mismatch")


@pytest.mark.parametrize(
    ("account", "mode"),
    [("U1", Mode.PAPER), ("F1", Mode.PAPER), ("DU1", Mode.LIVE), ("DF1", Mode.LIVE)],
)
def test_an_account_of_the_other_mode_is_refused(account: str, mode: Mode) -> None:
    with pytest.raises(Unusable, match=f"expected a {mode} account") as refused:
        choose_account((account,), account, mode)

    assert (refused.value.state, refused.value.code) == (GatewayState.REFUSED, "mode-mismatch")


@pytest.mark.parametrize(("account", "mode"), [("U1", Mode.LIVE), ("DU1", Mode.PAPER), ("DF1", Mode.PAPER)])
def test_an_account_that_agrees_with_the_mode_is_accepted(account: str, mode: Mode) -> None:
    assert choose_account((account,), None, mode) == account
