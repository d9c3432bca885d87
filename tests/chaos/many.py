"""Many histories, and what became of them, in a few lines."""

import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.draw import draw
from tests.chaos.history import play

WORST = ("DOUBLED", "LOST", "WITHOUT RESULT")
"""How the accusations begin that are counted by themselves."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of some histories; ``wrong`` has the first accusation by seed."""

    histories: int
    orders: int
    outcomes: Counter[str]
    accusations: Counter[str]
    wrong: dict[int, str]

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(
            self.histories + other.histories,
            self.orders + other.orders,
            self.outcomes + other.outcomes,
            self.accusations + other.accusations,
            {**self.wrong, **other.wrong},
        )

    def __str__(self) -> str:
        runs = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.most_common())
        worst = ", ".join(f"{self.accusations[kind]} {kind.lower()}" for kind in (*WORST, "otherwise wrong"))
        return (
            f"{self.histories} histories, {self.orders} orders, {worst}; {self.outcomes.total()} runs: {runs}"
        )


def played(seeds: Sequence[int]) -> Summary:
    """Play the histories of ``seeds``; one that can't be played to its end is wrong too."""
    orders, outcomes, accusations = 0, Counter[str](), Counter[str]()
    wrong: dict[int, str] = {}
    for seed in seeds:
        try:
            history = play(draw(seed))
        except Exception:  # noqa: BLE001 - whatever it is, the seed is told
            wrong[seed] = f"seed {seed} can't be played: {traceback.format_exc()}"
            accusations["otherwise wrong"] += 1
            continue
        orders += history.orders
        outcomes += history.outcomes
        accusations += Counter(_kind(text) for text in history.wrong)
        if history.wrong:
            wrong[seed] = f"seed {seed}: {history.wrong[0]}"
    return Summary(len(seeds), orders, outcomes, accusations, wrong)


def _kind(accusation: str) -> str:
    return next((kind for kind in WORST if accusation.startswith(kind)), "otherwise wrong")
