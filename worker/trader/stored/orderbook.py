"""Our orders, their fills and the locked contracts, as the store keeps them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, Literal, TypeVar

from pydantic import Field, ValidationError

from trader.domain.errors import Failed
from trader.domain.ledger import BookedFill
from trader.domain.order_record import OrderRecord
from trader.domain.wire import Time, Wire
from trader.ports import Create, Delete, Document, Store, Update, Write


class ContractLock(Wire):
    """A contract in which nothing may be opened until its doubt is settled."""

    version: Literal[1] = 1
    con_id: int
    instrument: str
    orders: tuple[str, ...] = Field(
        description="The references in doubt; empty when only the books disagree."
    )
    reason: str
    run: str
    since: Time


_ALL = 1_000_000

Kind = TypeVar("Kind", OrderRecord, BookedFill, ContractLock)


@dataclass(frozen=True, slots=True)
class Kept(Generic[Kind]):
    """A value as it stands in the store; ``version`` None says that it is yet to be created."""

    path: str
    value: Kind
    version: str | None = None

    def write(self, value: Kind) -> Write:
        """Return the write that puts ``value`` in this one's place."""
        if self.version is None:
            return Create(self.path, value.to_json())
        return Update(self.path, value.to_json(), self.version)

    def delete(self) -> Write:
        """Return the write that removes it."""
        if self.version is None:
            raise ValueError(f"expected {self.path} as it stands in the store, found one that isn't there")
        return Delete(self.path, self.version)


def order_path(account: str, reference: str) -> str:
    """Return where an order of ours is kept."""
    return f"accounts/{account}/orders/{reference}"


def fill_path(account: str, stem: str) -> str:
    """Return where an execution is kept; its id is the dedupe."""
    return f"accounts/{account}/fills/{sha256(stem.encode()).hexdigest()[:40]}"


def contract_lock_path(account: str, con_id: int) -> str:
    """Return where the lock of a contract is kept."""
    return f"accounts/{account}/locks/{con_id}"


async def open_orders(store: Store, account: str) -> list[Kept[OrderRecord]]:
    """Return every order of the account, of whichever run, that isn't at its end."""
    found = await store.query(f"accounts/{account}/orders", where={"state": "open"}, limit=_ALL)
    return [_kept(document, OrderRecord) for document in found]


async def own_references(store: Store, account: str, strategies: Collection[str]) -> set[str]:
    """Return the references of our open orders that any of ``strategies`` has a part in."""
    standing = [kept.value for kept in await open_orders(store, account)]
    return {record.order.reference for record in standing if set(strategies) & set(record.wanted)}


async def read_order(store: Store, account: str, reference: str) -> Kept[OrderRecord]:
    """Return one order of ours; raises Failed when it is damaged or gone."""
    document = await store.get(order_path(account, reference))
    if document is None:
        path = order_path(account, reference)
        raise Failed("document-damaged", f"expected an order at {path}, found none; its run can't go on")
    return _kept(document, OrderRecord)


async def fills_of(store: Store, account: str, reference: str) -> list[Kept[BookedFill]]:
    """Return the booked fills of one order."""
    found = await store.query(f"accounts/{account}/fills", where={"order": reference}, limit=_ALL)
    return [_kept(document, BookedFill) for document in found]


async def find_order(store: Store, account: str, reference: str) -> Kept[OrderRecord] | None:
    """Return the order of that reference, if it is ours."""
    document = await store.get(order_path(account, reference))
    return _kept(document, OrderRecord) if document else None


async def all_orders(store: Store, account: str) -> list[Kept[OrderRecord]]:
    """Return every order that was ever planned."""
    found = await store.query(f"accounts/{account}/orders", limit=_ALL)
    return [_kept(document, OrderRecord) for document in found]


async def orders_of_day(store: Store, account: str, day: str) -> int:
    """Return how many orders were planned on one session date, whatever became of them."""
    return len(await store.query(f"accounts/{account}/orders", where={"day": day}, limit=_ALL))


async def booked_fills(store: Store, account: str) -> list[Kept[BookedFill]]:
    """Return every booked fill as it stands in the store."""
    found = await store.query(f"accounts/{account}/fills", limit=_ALL)
    return [_kept(document, BookedFill) for document in found]


async def read_fill(store: Store, account: str, stem: str) -> Kept[BookedFill] | None:
    """Return one execution as it is booked, under whichever owner; None if it isn't."""
    document = await store.get(fill_path(account, stem))
    return None if document is None else _kept(document, BookedFill)


async def all_fills(store: Store, account: str) -> list[BookedFill]:
    """Return every booked fill: their sum is what each strategy holds."""
    return [kept.value for kept in await booked_fills(store, account)]


async def contract_locks(store: Store, account: str) -> Mapping[int, Kept[ContractLock]]:
    """Return the locked contracts by id."""
    found = await store.query(f"accounts/{account}/locks")
    return {kept.value.con_id: kept for kept in (_kept(document, ContractLock) for document in found)}


def fill_writes(
    account: str, standing: Sequence[Kept[BookedFill]], fills: Sequence[BookedFill]
) -> list[Write]:
    """Return the writes that book ``fills`` over those that stand."""
    by_stem = {kept.value.stem: kept for kept in standing}
    return [by_stem.get(fill.stem, Kept(fill_path(account, fill.stem), fill)).write(fill) for fill in fills]


def lock_write(account: str, lock: ContractLock) -> Write:
    """Return the write that locks a contract which isn't locked."""
    return Create(contract_lock_path(account, lock.con_id), lock.to_json())


def _kept(document: Document, model: type[Kind]) -> Kept[Kind]:
    try:
        return Kept(document.path, model.model_validate(document.data), document.version)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Failed(
            "document-damaged",
            f"expected {model.__name__} at {document.path}, found {where}: {first['msg']}; mend it by hand",
            field=where,
        ) from None
