"""The broker's data farms, as far as the gateway has told of them."""

from dataclasses import dataclass

from trader.adapters.ib import codes

LIVE_UPDATES = "live updates"  # 10182 names no farm; the next farm that comes up clears it


@dataclass(frozen=True, slots=True)
class Farms:
    """Which farms are broken. A broken farm means late or missing data, never a lost connection."""

    heard: bool = False
    broken: frozenset[str] = frozenset()

    def after(self, code: int, text: str) -> "Farms":
        """Return what is known after a message such as 2103 "... is broken:usfarm"."""
        _, colon, name = text.rpartition(":")
        farm = name.strip() if colon else LIVE_UPDATES
        if code in codes.FARM_BROKEN:
            return Farms(heard=True, broken=self.broken | {farm})
        if code in codes.FARM_UP:
            return Farms(heard=True, broken=self.broken - {farm, LIVE_UPDATES})
        return self

    def __str__(self) -> str:
        if self.broken:
            return f"broken: {', '.join(sorted(self.broken))}"
        return "ok" if self.heard else "unknown"
