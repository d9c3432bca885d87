"""What the demo shows, one act after another."""

from dataclasses import replace

from trader.domain.configuration_sample import sample
from trader.entrypoints.demo.day import DAY, OPENS, configured
from trader.entrypoints.demo.scene import Act
from trader.entrypoints.demo.stack import beside
from trader.entrypoints.demo.steps import STEPS

_MESSAGES = Act(
    "messages: what comes of each, and that nothing happens twice",
    ("--market", beside("market.yaml"), "--scenario", beside("scenario.yaml")),
    STEPS,
)

ACTS = (
    _MESSAGES,
    Act(
        "day: two strategies and an order by hand, from the opening to the close, and a holiday",
        ("--at", OPENS.isoformat(), "--seed", "2", "--scenario", beside("day.yaml")),
        DAY,
        configured,
    ),
)

ON_GOOGLE = (replace(_MESSAGES, arguments=(*_MESSAGES.arguments, "--google"), configuration=sample),)
"""What can be shown on Google's emulators: no day, since Pub/Sub stamps messages with the real time."""
