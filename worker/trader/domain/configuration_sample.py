"""The configuration that a local stack starts with, as a person would write it."""

from trader.domain.wire import JsonObject


def sample(account: str) -> JsonObject:
    """Return a modest configuration for a paper ``account`` of about 100,000 in any base currency.

    Half of 90 percent is 45,000 for the one strategy, below its limit of 50,000. Shorting is on, so that
    either side of its signal leads to an order; turning from long to short takes one of twice the size,
    hence the order limit.
    """
    return {
        "account": account,
        "allowedAccounts": [account],
        "exposure": {"overall": 0.9, "strategies": {"testsignalgenerator": 0.5}},
        "strategies": {
            "testsignalgenerator": {
                "enabled": True,
                "allowedSymbols": ["SPY"],
                "maxNotional": 50_000,
                "allowShort": True,
            }
        },
        "order": {"type": "MKT", "tif": "DAY"},
        "limits": {"orderNotional": 100_000},
        # The simulated gateway doesn't restart at night; with a real one, leave this key out.
        "restartWindow": None,
    }
