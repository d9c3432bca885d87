"""The indexes that Firestore is told to keep are those that the code's queries need, and no others.

The emulator answers any query without one; Firestore itself refuses it.
"""

import ast
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import trader
from trader.adapters.documents import INDEXED_FIELDS
from trader.adapters.google.firestore import KEPT
from trader.adapters.google.values import OWN

PACKAGE = Path(trader.__file__).parent
FILE = PACKAGE.parents[1] / "infra" / "firestore.indexes.json"


def overrides() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(FILE.read_text())["fieldOverrides"]
    return found


def declared() -> set[tuple[str, str]]:
    """Return collection and field of each index."""
    return {(each["collectionGroup"], each["fieldPath"]) for each in overrides() if each["indexes"]}


def queries() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the last part of the collection and the fields of each query in the worker's own code."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if "adapters" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "query":
                where = next((each.value for each in node.keywords if each.arg == "where"), None)
                fields = (
                    () if where is None else tuple(ast.literal_eval(key) for key in where.keys if key)  # type: ignore[attr-defined]
                )
                yield _last_part(node.args[0]), fields


def _last_part(collection: ast.expr) -> str:
    """Return the literal end of a collection, after its last slash."""
    ends = collection.values[-1] if isinstance(collection, ast.JoinedStr) else collection
    assert isinstance(ends, ast.Constant), f"expected a literal end, found {ast.unparse(collection)}"
    return str(ends.value).rpartition("/")[2]


def test_each_query_has_its_index_and_each_index_its_query() -> None:
    found = list(queries())
    assert len(found) > 5
    assert {(collection, field) for collection, fields in found for field in fields} == declared()


def test_no_query_needs_a_composite_index() -> None:
    assert all(len(fields) <= 1 for _, fields in queries())
    assert json.loads(FILE.read_text())["indexes"] == []


def test_the_fields_with_an_index_are_those_that_every_store_allows() -> None:
    assert {field for _, field in declared()} == set(INDEXED_FIELDS)


def test_what_has_an_expiry_is_removed_by_it_and_nothing_else_is() -> None:
    expiring = {each["collectionGroup"] for each in overrides() if each.get("ttl")}
    assert expiring == set(KEPT)
    assert all(each["fieldPath"] in OWN for each in overrides() if each.get("ttl"))


def test_a_run_outlives_its_message_wherever_that_is_kept() -> None:
    longest = timedelta(days=31)  # of a topic, of a subscription, and of the dead letters' subscription
    assert KEPT["runs"] > 3 * longest
