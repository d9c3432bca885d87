"""The market file (`--market`): symbols, prices, permissions, replayed bars."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True, slots=True)
class Permission:
    """What market data the user has bought for a contract; code and message answer one for live data."""

    level: Literal["live", "delayed", "none"] = "live"
    code: int = 0
    message: str = ""


class MarketFile(BaseModel):
    """A market file, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def load_market(path: Path) -> MarketFile:
    """Read a market file; ValueError is one line: file, where, what was expected, what was found."""
    raise NotImplementedError
