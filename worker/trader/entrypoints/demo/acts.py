"""What the demo shows, one act after another."""

from trader.entrypoints.demo.day import DAY, OPENS, configured
from trader.entrypoints.demo.scene import Act
from trader.entrypoints.demo.stack import beside
from trader.entrypoints.demo.steps import STEPS

ACTS = (
    Act(
        "messages: what comes of each, and that nothing happens twice",
        ("--market", beside("market.yaml"), "--scenario", beside("scenario.yaml")),
        STEPS,
    ),
    Act(
        "day: two strategies and an order by hand, from the opening to the close, and a holiday",
        ("--at", OPENS.isoformat(), "--seed", "2", "--scenario", beside("day.yaml")),
        DAY,
        configured,
    ),
)
