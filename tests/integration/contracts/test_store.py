"""What every store promises."""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from tests.integration.contracts.conftest import OpenStore, Stores
from trader.domain.errors import Failed, StoreUnavailable
from trader.domain.wire import JsonObject, write_decimal
from trader.ports import Conflict, Create, Delete, Document, Store, Update, Write

RUNS = "accounts/DU1/runs"


def run(name: str) -> str:
    return f"{RUNS}/{name}"


async def create(store: Store, path: str, **data: Any) -> str:
    (version,) = await store.commit([Create(path, data)])
    return version


async def ids(store: Store, collection: str = RUNS, **where: str) -> list[str]:
    found = await store.query(collection, where=where or None)
    return [document.path.removeprefix(f"{collection}/") for document in found]


async def test_a_document_is_read_as_it_was_created(store: Store) -> None:
    version = await create(store, run("a"), state="running", attempt=1)

    assert await store.get(run("a")) == Document(run("a"), {"state": "running", "attempt": 1}, version)


async def test_a_document_that_is_not_there_is_none(store: Store) -> None:
    assert await store.get(run("a")) is None


async def test_a_document_is_created_once(store: Store) -> None:
    version = await create(store, run("a"), by="first")

    with pytest.raises(Conflict) as refused:
        await store.commit([Create(run("a"), {"by": "second"})])

    assert refused.value.path == run("a")
    assert await store.get(run("a")) == Document(run("a"), {"by": "first"}, version)


async def test_an_update_replaces_the_document_and_changes_its_version(store: Store) -> None:
    first = await create(store, run("a"), state="running", attempt=1)

    (second,) = await store.commit([Update(run("a"), {"state": "ended"}, first)])

    assert second != first
    assert await store.get(run("a")) == Document(run("a"), {"state": "ended"}, second)


async def test_the_version_changes_even_if_the_data_does_not(store: Store) -> None:
    first = await create(store, run("a"), state="running")

    (second,) = await store.commit([Update(run("a"), {"state": "running"}, first)])

    assert second != first


async def test_a_deleted_document_is_gone(store: Store) -> None:
    version = await create(store, run("a"))

    assert await store.commit([Delete(run("a"), version)]) == [""]
    assert await store.get(run("a")) is None


@pytest.mark.parametrize(
    "stale", [lambda v: Update(run("a"), {"by": "late"}, v), lambda v: Delete(run("a"), v)]
)
async def test_a_write_at_a_stale_version_conflicts(store: Store, stale: Any) -> None:
    first = await create(store, run("a"))
    (second,) = await store.commit([Update(run("a"), {"by": "me"}, first)])

    with pytest.raises(Conflict):
        await store.commit([stale(first)])

    assert await store.get(run("a")) == Document(run("a"), {"by": "me"}, second)


@pytest.mark.parametrize(
    "gone", [lambda v: Update(run("a"), {"by": "late"}, v), lambda v: Delete(run("a"), v)]
)
async def test_a_write_to_a_document_that_is_gone_conflicts(store: Store, gone: Any) -> None:
    version = await create(store, run("a"))
    await store.commit([Delete(run("a"), version)])

    with pytest.raises(Conflict):
        await store.commit([gone(version)])

    assert await store.get(run("a")) is None


async def test_a_document_made_anew_has_a_version_that_the_old_one_never_had(store: Store) -> None:
    first = await create(store, run("a"))
    await store.commit([Delete(run("a"), first)])
    again = await create(store, run("a"))

    assert again != first
    with pytest.raises(Conflict):
        await store.commit([Update(run("a"), {}, first)])


async def test_a_batch_is_written_as_a_whole(store: Store) -> None:
    a, b = await create(store, run("a")), await create(store, run("b"))

    versions = await store.commit(
        [Update(run("a"), {"n": 1}, a), Delete(run("b"), b), Create("config/common", {"n": 2})]
    )

    assert versions[1] == ""
    assert await store.get(run("a")) == Document(run("a"), {"n": 1}, versions[0])
    assert await store.get(run("b")) is None
    assert await store.get("config/common") == Document("config/common", {"n": 2}, versions[2])


async def test_nothing_of_a_batch_that_conflicts_is_written(store: Store) -> None:
    a, b = await create(store, run("a")), await create(store, run("b"))

    with pytest.raises(Conflict) as refused:
        await store.commit([Create(run("new"), {}), Update(run("a"), {"n": 1}, a), Delete(run("b"), "0")])

    assert refused.value.path in {run("new"), run("a"), run("b")}  # which one, not every store can tell
    assert await store.get(run("new")) is None
    assert await store.get(run("a")) == Document(run("a"), {}, a)
    assert await store.get(run("b")) == Document(run("b"), {}, b)


async def test_an_empty_batch_writes_nothing(store: Store) -> None:
    assert await store.commit([]) == []


async def test_a_batch_names_a_document_once(store: Store) -> None:
    with pytest.raises(ValueError, match="each document once"):
        await store.commit([Create(run("a"), {}), Create(run("a"), {})])


async def test_of_twenty_that_create_a_document_at_once_one_wins(open_store: OpenStore) -> None:
    handles = [await open_store() for _ in range(4)]

    outcomes = await asyncio.gather(
        *(handles[n % 4].commit([Create(run("a"), {"winner": n})]) for n in range(20)), return_exceptions=True
    )

    winners = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, BaseException)]
    losers = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert (len(winners), len(losers)) == (1, 19)
    document = await handles[0].get(run("a"))
    assert document is not None
    assert document.data == {"winner": winners[0]}


async def test_batches_that_are_written_at_once_fail_each_for_itself(store: Store) -> None:
    await create(store, run("5"))

    outcomes = await asyncio.gather(
        *(store.commit([Create(run(str(n)), {}), Create(run(f"{n}-too"), {})]) for n in range(10)),
        return_exceptions=True,
    )

    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Conflict)] == [5]
    assert await ids(store) == sorted([str(n) for n in range(10)] + [f"{n}-too" for n in range(10) if n != 5])


async def test_another_handle_sees_commits_and_conflicts_with_them(open_store: OpenStore) -> None:
    mine, other = await open_store(), await open_store()
    first = await create(mine, run("a"), by="mine")

    assert await other.get(run("a")) == Document(run("a"), {"by": "mine"}, first)
    (second,) = await other.commit([Update(run("a"), {"by": "other"}, first)])
    with pytest.raises(Conflict):
        await mine.commit([Update(run("a"), {"by": "mine"}, first)])
    assert await mine.get(run("a")) == Document(run("a"), {"by": "other"}, second)


async def test_a_caller_reads_what_it_committed(store: Store) -> None:
    async def write_and_read(n: int) -> bool:
        version = await create(store, run(str(n)), n=n)
        return await store.get(run(str(n))) == Document(run(str(n)), {"n": n}, version)

    assert all(await asyncio.gather(*(write_and_read(n) for n in range(50))))


async def test_a_query_finds_the_documents_of_a_collection_by_id(store: Store) -> None:
    for name in ("b", "a", "ä", "B"):
        await create(store, run(name))
    await create(store, "accounts/DU2/runs/other")
    await create(store, run("a") + "/orders/1")

    assert await ids(store) == ["B", "a", "b", "ä"]
    assert await ids(store, run("a") + "/orders") == ["1"]
    assert await ids(store, "accounts/DU1/fills") == []


async def test_a_query_by_field_follows_each_write(store: Store) -> None:
    a = await create(store, run("a"), state="running")
    b = await create(store, run("b"), state="running")
    await create(store, run("c"), state="ended")
    await create(store, "accounts/DU2/runs/d", state="running")
    assert await ids(store, state="running") == ["a", "b"]

    await store.commit([Update(run("a"), {"state": "ended"}, a), Delete(run("b"), b)])

    assert await ids(store, state="running") == []
    assert await ids(store, state="ended") == ["a", "c"]


@pytest.mark.parametrize("value", [1, True, None, ["running"], {"running": "running"}])
async def test_a_query_by_text_finds_text_only(store: Store, value: Any) -> None:
    await create(store, run("a"), state=value)
    await create(store, run("b"), other="running")

    for text in ("1", "true", "null", "running", '["running"]', ""):
        assert await ids(store, state=text) == []


async def test_a_query_gives_no_more_than_its_limit_the_first_by_id(store: Store) -> None:
    for n in range(5):
        await create(store, run(str(n)), state="running")

    found = await store.query(RUNS, where={"state": "running"}, limit=2)

    assert [document.path for document in found] == [run("0"), run("1")]


async def test_a_query_on_a_field_without_an_index_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match=r"found 'colour'"):
        await store.query(RUNS, where={"colour": "red"})


@pytest.mark.parametrize(
    "path", ["", "runs", "accounts/DU1/runs", "/a", "runs/", "accounts//runs/a", "a/b/c/"]
)
async def test_a_path_that_is_no_document_is_refused(store: Store, path: str) -> None:
    for refused in (store.get(path), store.commit([Create(path, {})]), store.commit([Delete(path, "1")])):
        with pytest.raises(ValueError, match="collection and id in turn"):
            await refused


@pytest.mark.parametrize("collection", ["", "accounts/DU1", "accounts/DU1/runs/", "//"])
async def test_a_path_that_is_no_collection_is_refused(store: Store, collection: str) -> None:
    with pytest.raises(ValueError, match="collection and id in turn"):
        await store.query(collection)


def nested(levels: int) -> JsonValue:
    return {"level": levels, "within": [nested(levels - 1)]} if levels else "deepest"


async def test_what_is_stored_comes_back_unchanged(store: Store) -> None:
    data: JsonObject = {
        "amount": write_decimal(Decimal("-1234567890123456789.000000010")),
        "großzügig": "日本語 🐂 \"'\\ \n\u0000\u2028",
        "nested": {"list": [1, -2.5, 1e300, True, False, None, "", [], {}], "": "empty name"},
        "big": 2**53,
        "larger than sixty-four bits": -(2**70),
        "lists": [[1, [2, []]], [["in", {"a": "list"}]]],
        "names": {"__reserved__": {"__name__": 1}, "with.dot": {"`": "tick"}},
        "deep": nested(60),
    }

    await store.commit([Create(run("日本"), data)])

    document = await store.get(run("日本"))
    assert document is not None
    assert document.data == data


async def test_a_document_of_nearly_a_megabyte_is_kept_and_a_larger_one_refused(store: Store) -> None:
    big = "ü" * 500_000
    await create(store, run("a"), plan=big)
    document = await store.get(run("a"))
    assert document is not None
    assert document.data == {"plan": big}

    with pytest.raises(Failed) as refused:
        await create(store, run("b"), plan=big + big)
    assert refused.value.code == "document-too-large"
    assert run("b") in refused.value.message


async def test_a_batch_that_reports_an_error_may_have_been_written_and_is_not_written_twice(
    stores: Stores,
) -> None:
    steady, store = await stores.open(), await stores.unsteady()
    first = await create(store, run("a"), n=0)

    with stores.losing_a_reply(), pytest.raises(StoreUnavailable):
        await store.commit([Update(run("a"), {"n": 1}, first), Create(run("b"), {"n": 1})])

    a, b = await steady.get(run("a")), await steady.get(run("b"))
    assert a is not None
    assert b is not None
    assert (a.data, b.data) == ({"n": 1}, {"n": 1})
    with pytest.raises(Conflict):  # what was written stands in its own way
        await store.commit([Update(run("a"), {"n": 1}, first), Create(run("b"), {"n": 1})])
    assert await store.get(run("a")) == a


async def test_a_claim_whose_reply_is_lost_is_found_by_whoever_made_it(stores: Stores) -> None:
    store = await stores.unsteady()
    await create(store, run("first"))

    with stores.losing_a_reply(), pytest.raises(StoreUnavailable):
        await create(store, run("a"), nonce="mine")
    with pytest.raises(Conflict):
        await create(store, run("a"), nonce="mine")

    document = await store.get(run("a"))
    assert document is not None
    assert document.data == {"nonce": "mine"}


async def test_a_store_that_does_not_answer_says_so_in_time_and_blocks_nobody(stores: Stores) -> None:
    store = await stores.unsteady()
    await create(store, run("a"))
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    with stores.silent():
        turning = asyncio.ensure_future(turn())
        async with asyncio.timeout(15):
            with pytest.raises(StoreUnavailable) as late:
                await create(store, run("late"))
        turning.cancel()

    assert turns > 20
    assert late.value.retry_after_s > 0
    async with asyncio.timeout(15):  # and goes on as soon as it answers again
        while True:
            try:
                assert await store.get(run("a")) is not None
                break
            except StoreUnavailable:
                continue


def holds(write: Write, model: Mapping[str, Document]) -> bool:
    match write:
        case Create(path=path):
            return path not in model
        case Update(path=path, version=version) | Delete(path=path, version=version):
            return path in model and model[path].version == version


KINDS: Mapping[str, Callable[[str, JsonObject, str], Write]] = {
    "create": lambda path, data, version: Create(path, data),
    "update": Update,
    "update at a stale version": lambda path, data, version: Update(path, data, "0"),
    "delete": lambda path, data, version: Delete(path, version),
}
BATCHES = st.lists(
    st.lists(
        st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from("abc")),
        min_size=1,
        max_size=3,
        unique_by=lambda write: write[1],
    ),
    max_size=12,
)


@given(batches=BATCHES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_sequence_of_batches_leaves_what_a_dictionary_would_hold(
    store: Store, batches: list[list[tuple[str, str]]]
) -> None:
    collection = f"accounts/{uuid4().hex}/runs"
    model: dict[str, Document] = {}
    used: set[str] = set()
    for number, batch in enumerate(batches):
        data: JsonObject = {"n": number}
        writes = []
        for kind, name in batch:
            path = f"{collection}/{name}"
            writes.append(KINDS[kind](path, data, model[path].version if path in model else "0"))

        if all(holds(write, model) for write in writes):
            versions = await store.commit(writes)
            for write, version in zip(writes, versions, strict=True):
                if isinstance(write, Delete):
                    del model[write.path]
                else:
                    model[write.path] = Document(write.path, write.data, version)
            assert used.isdisjoint(versions)
            used.update(version for version in versions if version)
        else:
            with pytest.raises(Conflict):
                await store.commit(writes)

        assert await store.query(collection) == [model[path] for path in sorted(model)]
