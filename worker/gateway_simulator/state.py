"""The state file: book, accounts and counters as JSON; a simulator that was killed goes on with them."""

import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gateway_simulator.accounts import Account
from gateway_simulator.gateway import Gateway
from gateway_simulator.records import BookState
from gateway_simulator.yaml_file import FileProblem, told

COUNTERS_S = 1.0  # real seconds between saves for the sake of the counters alone


@dataclass(frozen=True, slots=True)
class State:
    """What the file holds."""

    now: datetime
    accounts: tuple[Account, ...]
    book: BookState
    requests: dict[str, int]


class StateFile:
    """A gateway's state in a file, which is whole at every moment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._adapter = TypeAdapter(State)
        self._changes = -1
        self._counted = -1
        self._at = 0.0

    def read(self) -> State | None:
        """What was kept, if anything was; FileProblem if it can't be read."""
        try:
            return self._adapter.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileProblem(f"{self._path}: expected a readable file, found: {error.strerror}") from error
        except ValidationError as error:
            raise FileProblem(f"{self._path}: expected a saved state, found: {told(error)}") from error

    def attach(self, gateway: Gateway, state: State | None) -> None:
        """Put back what was kept, then keep what the gateway does from now on."""
        if state is not None:
            gateway.accounts.update({account.account_id: account for account in state.accounts})
            gateway.book.restore(state.book)
            gateway.requests.update(state.requests)
        gateway.keep = lambda: self.keep(gateway)
        self.write(gateway)

    def keep(self, gateway: Gateway) -> None:
        """Write if the book has changed, or the counters some time ago."""
        stale = time.monotonic() - self._at >= COUNTERS_S and gateway.requests.total() != self._counted
        if stale or gateway.book.changes != self._changes:
            self.write(gateway)

    def write(self, gateway: Gateway) -> None:
        """Replace the file in one step."""
        state = State(
            now=gateway.clock.now(),
            accounts=tuple(gateway.accounts.values()),
            book=gateway.book.state(),
            requests=dict(gateway.requests),
        )
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        beside.write_bytes(self._adapter.dump_json(state, exclude_defaults=True))
        beside.replace(self._path)
        self._changes, self._counted = gateway.book.changes, gateway.requests.total()
        self._at = time.monotonic()
