"""Every message, at every server version: what is encoded is what is decoded."""

from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_simulator.wire import layout, requests, responses
from gateway_simulator.wire.errors import ProtocolError
from gateway_simulator.wire.fields import ALWAYS, NEWEST, NUMBER, OLDEST, TEXT, Presence
from gateway_simulator.wire.layout import Group, Many, Maybe, Message, Tagged
from gateway_simulator.wire.orders import CompletedOrder, OpenOrder, PlaceOrder
from gateway_simulator.wire.values import UNSET_INT

VERSIONS = range(OLDEST, NEWEST + 1)
TABLES = sorted({*requests.TABLES.values(), *responses.TABLES}, key=lambda table: table.__name__)

# NUL ends a field, and half of a surrogate pair is no text.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
integers = st.integers(-(2**40), 2**40).filter(lambda number: number != UNSET_INT)
numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    bool: st.booleans(),
    int: integers,
    int | None: st.none() | integers,
    Decimal: numbers,
    Decimal | None: st.none() | numbers,
}


def values(kind: Any, annotation: Any) -> st.SearchStrategy[Any]:
    """Values of a field, by how it goes on the wire."""
    match kind:
        case Group(table):
            return instances(table)
        case Maybe(table):
            return st.none() | instances(table)
        case Many(item):
            of = str if item is TEXT else Decimal if item is NUMBER else None
            return st.lists(values(item, of), max_size=3).map(tuple)
        case Tagged(tables):
            return st.one_of(*(instances(table) for table in tables.values()))
    return SCALARS[annotation]


def instances(table: type) -> st.SearchStrategy[Any]:
    """Instances of a table, most fields at other than their defaults."""
    hints = get_type_hints(table, include_extras=True)
    made = {}
    for item in fields(table):
        annotation, kind = get_args(hints[item.name])
        made[item.name] = values(kind, annotation)
    return st.builds(table, **made)


def present(message: Any, version: int) -> set[str]:
    """The fields that are on the wire."""
    found = set()
    for item in fields(message):
        presence: Presence = item.metadata.get("presence", ALWAYS)
        there = presence.since <= version <= presence.until
        if there and (presence.when is None or presence.when(message)):
            found.add(item.name)
    return found


def reduced(value: Any, version: int) -> Any:
    """A value with the fields that aren't on the wire at their defaults."""
    if isinstance(value, tuple):
        return tuple(reduced(item, version) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        sent = {name: getattr(value, name) for name in present(value, version)}
        return type(value)(**{name: reduced(item, version) for name, item in sent.items()})
    return value


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_a_message_comes_back_as_it_was_sent_at_every_version(table: type[Message]) -> None:
    @settings(max_examples=20, deadline=None)
    @given(instances(table))
    def check(message: Message) -> None:
        for version in VERSIONS:
            wire = layout.encode(message, version)
            assert wire[0] == str(table.code)
            assert layout.decode(table, wire, version) == reduced(message, version)

    check()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_a_message_of_defaults_comes_back_too(table: type[Message]) -> None:
    for version in VERSIONS:
        assert layout.decode(table, layout.encode(table(), version), version) == table()


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(VERSIONS))
def test_garbage_is_a_protocol_error_and_nothing_else(data: st.DataObject, version: int) -> None:
    table = data.draw(st.sampled_from([*requests.TABLES.values()]))
    words = st.sampled_from(["1", "0", "", "BAG", "PEG BEST", "nan"])
    wire = [str(table.code), *data.draw(st.lists(texts | words, max_size=130))]
    try:
        message = layout.decode(table, wire, version)
    except ProtocolError:
        return
    assert layout.decode(table, layout.encode(message, version), version) == message


@pytest.mark.parametrize(
    ("table", "name", "first"),
    [
        (PlaceOrder, "duration", 158),
        (PlaceOrder, "post_to_ats", 160),
        (PlaceOrder, "auto_cancel_parent", 162),
        (PlaceOrder, "advanced_error_override", 166),
        (PlaceOrder, "manual_order_time", 169),
        (OpenOrder, "duration", 158),
        (OpenOrder, "post_to_ats", 160),
        (OpenOrder, "auto_cancel_parent", 162),
        (OpenOrder, "mid_offset_at_half", 170),
        (CompletedOrder, "mid_offset_at_half", 170),
        (requests.CancelOrder, "manual_cancel_time", 169),
        (requests.ReqContractDetails, "issuer_id", 176),
        (responses.Error, "advanced_reject", 166),
        (responses.ContractDetails, "size_increment", 164),
        (responses.ExecDetails, "pending_price_revision", 178),
    ],
)
def test_a_field_appears_with_its_server_version(table: type[Message], name: str, first: int) -> None:
    assert name not in present(table(), first - 1)
    assert name in present(table(), first)


@pytest.mark.parametrize("table", [PlaceOrder, OpenOrder, CompletedOrder])
def test_advisors_profiles_are_gone_from_177_on(table: type[Message]) -> None:
    assert "fa_profile" in present(table(), 176)
    assert "fa_profile" not in present(table(), 177)


def test_contract_details_drop_their_revision_and_multiplier_at_164() -> None:
    assert layout.encode(responses.ContractDetails(req_id=7), 163)[:3] == ["10", "8", "7"]
    assert layout.encode(responses.ContractDetails(req_id=7), 164)[:2] == ["10", "7"]


def test_each_code_belongs_to_one_message() -> None:
    for tables in (tuple(requests.TABLES.values()), responses.TABLES):
        assert len({table.code for table in tables}) == len(tables)
