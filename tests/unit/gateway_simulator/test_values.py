"""Single values on the wire, frames, the handshake, and times."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_simulator.wire import codec, handshake, values
from gateway_simulator.wire.errors import ProtocolError
from gateway_simulator.wire.times import read_time, write_time

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
UNSET = "1.7976931348623157e+308"  # as Python clients write it


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal(100), "100"),
        (Decimal("100.00"), "100"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.1"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("-0.5"), "-0.5"),
    ],
)
def test_numbers_are_plain_digits(value: Decimal, text: str) -> None:
    assert values.write_number(value) == text


@pytest.mark.parametrize("text", ["", UNSET, "1.7976931348623157E308"])
def test_an_unset_price_is_none(text: str) -> None:
    assert values.read_optional_number(text) is None


@pytest.mark.parametrize("text", ["", "2147483647"])
def test_an_unset_integer_is_none(text: str) -> None:
    assert values.read_optional_int(text) is None


def test_infinity_has_a_word_of_its_own() -> None:
    assert values.read_optional_number("Infinite") == Decimal("Infinity")


@pytest.mark.parametrize("text", ["100.0", "1e2"])
def test_a_whole_number_may_be_written_as_a_float(text: str) -> None:
    assert values.read_int(text) == 100


@pytest.mark.parametrize("text", ["x", "1.5", "nan", "Infinite"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="expected a"):
        values.read_int(text)


def test_names_travel_in_ascii() -> None:
    assert values.write_escaped("Société") == "Soci\\xe9t\\xe9"


@settings(deadline=None)
@given(st.lists(texts, min_size=1), st.data())
def test_messages_survive_any_cutting_of_the_stream(texts: list[str], data: st.DataObject) -> None:
    stream = b"".join(codec.frame([text, "end"]) for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    deframer, found = codec.Deframer(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        deframer.feed(stream[start:end])
        found += [codec.split(body) for body in deframer.bodies()]
    assert found == [[text, "end"] for text in texts]


def test_a_length_beyond_reason_is_refused() -> None:
    deframer = codec.Deframer()
    deframer.feed(b"GET / HTTP/1.1\r\n")
    with pytest.raises(ProtocolError, match="at most"):
        next(deframer.bodies())


def test_only_the_tws_prefix_opens_a_connection() -> None:
    deframer = codec.Deframer()
    deframer.feed(b"AP")
    assert not deframer.prefix(handshake.PREFIX)
    deframer.feed(b"X")
    with pytest.raises(ProtocolError):
        deframer.prefix(handshake.PREFIX)


@pytest.mark.parametrize(
    ("offer", "agreed"),
    [
        ("v157..176", 176),
        ("v100..157", 157),
        ("v157..178 +PACEAPI", 178),
        ("v157..200", 178),
        ("v170..170", 170),
    ],
)
def test_the_newest_version_that_both_speak_is_agreed_on(offer: str, agreed: int) -> None:
    assert handshake.agree(offer, 157, 178) == agreed


@pytest.mark.parametrize("offer", ["v100..150", "v180..190", "v", "hello"])
def test_an_offer_without_a_common_version_is_refused(offer: str) -> None:
    with pytest.raises(ProtocolError, match="expected an offer"):
        handshake.agree(offer, 157, 178)


AT = datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["20261123-15:04:05", "20261123 10:04:05 US/Eastern", "20261123  10:04:05", "20261123 10:04:05"]
)
def test_times_are_read_with_a_zone_or_in_the_gateways(text: str) -> None:
    assert read_time(text, "US/Eastern") == AT


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "20261323 10:00:00", "20261123 10:00:00 Mars/Base", "20261123"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="expected a"):
        read_time(text, "US/Eastern")


def test_times_carry_their_zone_from_174_on() -> None:
    assert write_time(AT, "US/Eastern", 173) == "20261123  10:04:05"
    assert write_time(AT, "US/Eastern", 174) == "20261123 10:04:05 US/Eastern"


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["US/Eastern", "Europe/London", "Asia/Hong_Kong"]))
def test_a_time_comes_back_as_it_was_sent(seconds: int, zone: str) -> None:
    at = AT + timedelta(seconds=seconds)
    assert read_time(write_time(at, zone, 176), "UTC") == at
