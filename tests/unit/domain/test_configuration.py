"""What a configuration takes, what it refuses, and how it says so."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.configuration import Configuration, in_restart_window
from trader.domain.configuration_reading import overlay, parse, problems
from trader.domain.configuration_sample import sample
from trader.domain.errors import Rejected
from trader.domain.wire import JsonObject

LEAST: JsonObject = {"account": "DU1", "allowedAccounts": ["DU1"], "limits": {"orderNotional": 10_000}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
# Configurations that are nearly right: known keys with any value at all.
keys = st.sampled_from([field.alias or name for name, field in Configuration.model_fields.items()])
damage = st.dictionaries(keys | st.text(max_size=8), json_values, max_size=4)


def with_(path: str, value: Any) -> JsonObject:
    """Return the sample with the key at the dotted ``path`` set."""
    *above, last = path.split(".")
    change: JsonObject = {last: value}
    for key in reversed(above):
        change = {key: change}
    return overlay(sample("DU1"), change)


def refusal(raw: JsonObject) -> Rejected:
    with pytest.raises(Rejected) as caught:
        parse(raw)
    assert caught.value.code == "config-invalid"
    return caught.value


def test_what_is_left_out_has_the_documented_default() -> None:
    configuration = parse(LEAST)
    assert configuration.exposure.overall == 0
    assert configuration.exposure.strategies == {}
    assert configuration.strategies == {}
    assert configuration.base_currency is None
    assert configuration.order.to_json() == {
        "type": "MKT",
        "tif": "DAY",
        "adaptivePriority": "none",
        "limitOffsetPercent": "0.1",
    }
    assert configuration.limits.to_json() == {
        "orderNotional": "10000",
        "grossExposure": "1",
        "positions": 10,
        "ordersPerDay": 50,
        "priceCollarPercent": "5",
        "dailyDrawdownPercent": "5",
        "stuckAfterMinutes": 60,
        "barJumpPercent": "30",
        "priceAgeSeconds": 120,
        "conversionsPerDay": 4,
    }
    assert configuration.market_data_type == 1
    assert configuration.enforce_flat_eod is False
    assert configuration.reduce_only_on_breach is True
    assert configuration.resend_proven_unsent is None
    assert configuration.cash_threshold == 1000
    window = configuration.restart_window
    assert window is not None
    assert window.to_json() == {"start": "23:40", "end": "00:10", "timeZone": "America/New_York"}


def test_a_strategy_is_off_and_long_only_unless_told() -> None:
    raw = overlay(LEAST, {"strategies": {"x": {"allowedSymbols": ["SPY"], "maxNotional": 1}}})
    assert parse(raw).strategies["x"].enabled is False
    assert parse(raw).strategies["x"].allow_short is False


def test_the_sample_can_be_used_and_leaves_room_for_its_own_strategy() -> None:
    configuration = parse(sample("DU1"))
    capital = (
        100_000 * configuration.exposure.overall * configuration.exposure.strategies["testsignalgenerator"]
    )
    limits = configuration.strategies["testsignalgenerator"]
    assert limits.enabled
    assert capital <= limits.max_notional
    assert 2 * capital <= configuration.limits.order_notional  # from long to short in one order


def test_a_configuration_reads_back_as_itself() -> None:
    configuration = parse(sample("DU1"))
    assert parse(configuration.to_json()) == configuration


def test_equal_configurations_have_equal_versions_however_they_are_written() -> None:
    assert parse(with_("exposure.overall", 0.9)).version == parse(with_("exposure.overall", "0.90")).version
    assert parse(with_("exposure.overall", 0.9)).version != parse(with_("exposure.overall", 0.8)).version


@pytest.mark.parametrize("path", ["account", "allowedAccounts", "limits"])
def test_a_required_key_that_is_missing_is_asked_for(path: str) -> None:
    raw = {key: value for key, value in LEAST.items() if key != path}
    assert refusal(raw).field == path
    assert "found none; add it" in refusal(raw).message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("account", "DU 1"),
        ("allowedAccounts", []),
        ("allowedAccounts", "DU1"),
        ("baseCurrency", "usd"),
        ("exposure.overall", 90),
        ("exposure.overall", -0.1),
        ("exposure.overall", "NaN"),
        ("exposure.overall", True),
        ("exposure.strategies.testsignalgenerator", 1.1),
        ("strategies.testsignalgenerator.enabled", "yes"),
        ("strategies.testsignalgenerator.enabled", 1),
        ("strategies.testsignalgenerator.allowedSymbols", []),
        ("strategies.testsignalgenerator.maxNotional", 0),
        ("strategies.testsignalgenerator.maxNotional", None),
        ("order.type", "STP"),
        ("order.tif", "IOC"),
        ("order.adaptivePriority", "fast"),
        ("order.limitOffsetPercent", -1),
        ("limits.orderNotional", 0),
        ("limits.orderNotional", "1e999999999"),
        ("limits.orderNotional", 0.123456789),
        ("limits.grossExposure", 100),
        ("limits.positions", 2.5),
        ("limits.positions", "5"),
        ("limits.positions", -1),
        ("limits.ordersPerDay", -1),
        ("limits.priceCollarPercent", 0),
        ("limits.dailyDrawdownPercent", 101),
        ("limits.stuckAfterMinutes", 0),
        ("limits.barJumpPercent", 0),
        ("limits.priceAgeSeconds", 0),
        ("limits.conversionsPerDay", -1),
        ("marketDataType", 5),
        ("marketDataType", 0),
        ("enforceFlatEod", "true"),
        ("cashThreshold", -1),
        ("restartWindow", "never"),
        ("restartWindow.start", "24:00"),
        ("restartWindow.start", 1420),  # what YAML makes of an unquoted 23:40
        ("restartWindow.timeZone", "New York"),
        ("restartWindow.timeZone", "America"),
        ("restartWindow.timeZone", "../etc/passwd"),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_its_full_path(path: str, value: Any) -> None:
    error = refusal(with_(path, value))
    assert error.field == path
    assert error.message.startswith(f"{path}: expected ")
    assert ", found " in error.message
    assert "; " in error.message


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("exposre", "exposure"),
        ("limits.orderNotionl", "limits.orderNotional"),
        ("limits.order_notional", "limits.orderNotional"),
        ("overall", "exposure.overall"),
        ("strategies.testsignalgenerator.allowshort", "strategies.testsignalgenerator.allowShort"),
        ("order.allowShort", "strategies.{id}.allowShort"),
        ("restartWindow.timezone", "restartWindow.timeZone"),
    ],
)
def test_an_unknown_key_is_refused_by_its_full_path_and_the_nearest_known_one_is_named(
    path: str, meant: str
) -> None:
    error = refusal(with_(path, 1))
    assert error.field == path
    assert error.message.startswith(f"{path}: unknown key; did you mean {meant}?")


def test_an_unknown_key_like_no_other_is_told_which_ones_there_are() -> None:
    assert "known here are overall, strategies" in refusal(with_("exposure.xyzzy", 1)).message


def test_fractions_of_strategies_may_not_exceed_the_whole() -> None:
    other: JsonObject = {"enabled": True, "allowedSymbols": ["SPY"], "maxNotional": 1}
    raw = overlay(sample("DU1"), {"strategies": {"other": other}, "exposure": {"strategies": {"other": 0.6}}})
    assert refusal(raw).field == "exposure.strategies"
    assert "found 1.1" in refusal(raw).message
    whole = overlay(raw, {"exposure": {"strategies": {"other": 0.5}}})
    assert sum(parse(whole).exposure.strategies.values()) == 1


def test_exposure_to_a_strategy_that_is_not_configured_is_refused() -> None:
    error = refusal(with_("exposure.strategies.spymacdvixy", 0.1))
    assert error.field == "exposure.strategies.spymacdvixy"
    assert "testsignalgenerator" in error.message


def test_an_order_at_the_close_can_only_be_for_the_day() -> None:
    contradiction = with_("order", {"type": "MOC", "tif": "GTC"})
    assert refusal(contradiction).field == "order.tif"
    assert parse(with_("order.type", "MOC")).order.tif == "DAY"


def test_the_account_must_be_among_the_allowed_ones() -> None:
    assert refusal(with_("allowedAccounts", ["DU2"])).field == "allowedAccounts"
    assert parse(with_("allowedAccounts", ["DU2", "DU1"])).account == "DU1"


def test_every_problem_is_listed_on_a_line_of_its_own() -> None:
    raw = overlay(
        sample("DU1"),
        {
            "exposure": {"overall": 90},
            "limits": {"positions": "5", "orderNotionl": 3},
            "order": {"type": "MOC", "tif": "GTC"},
            "allowedAccounts": ["DU2"],
        },
    )
    found = problems(raw)
    assert {line.partition(":")[0] for line in found} == {
        "exposure.overall",
        "limits.positions",
        "limits.orderNotionl",
        "order.tif",
        "allowedAccounts",
    }
    assert all("\n" not in line for line in found)
    assert "(and 4 more: `trader config check` lists them)" in refusal(raw).message


def test_nothing_is_wrong_with_the_sample() -> None:
    assert problems(sample("DU1")) == ()


@given(damage)
def test_whatever_is_stored_is_either_used_or_refused_in_one_line(broken: JsonObject) -> None:
    found = problems(overlay(sample("DU1"), broken))
    assert all(line.isprintable() and len(line) < 1000 for line in found)
    if found:
        refusal(overlay(sample("DU1"), broken))


def test_an_overlay_merges_objects_and_replaces_everything_else() -> None:
    common: JsonObject = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"z": 1}}
    account: JsonObject = {"a": {"y": [3]}, "b": {"q": 1}, "c": None}
    assert overlay(common, account) == {"a": {"x": 1, "y": [3]}, "b": {"q": 1}, "c": None}


@given(st.dictionaries(st.text(max_size=3), json_values, max_size=3))
def test_an_overlay_of_nothing_changes_nothing(value: JsonObject) -> None:
    kept = overlay(value, None)
    assert repr(kept) == repr(overlay(None, value)) == repr(value)


def test_an_overlay_leaves_what_it_was_given_alone() -> None:
    common: JsonObject = {"a": {"x": 1}}
    overlay(common, {"a": {"x": 2}})
    assert common == {"a": {"x": 1}}


def test_a_large_number_is_written_without_an_exponent() -> None:
    configuration = parse(with_("limits.orderNotional", "1e5"))
    assert configuration.limits.order_notional == 100_000
    assert configuration.limits.to_json()["orderNotional"] == "100000"


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-11-24T04:39:59Z", False),  # 23:39:59 in New York, winter
        ("2026-11-24T04:40:00Z", True),
        ("2026-11-24T05:00:00Z", True),  # midnight
        ("2026-11-24T05:09:59Z", True),
        ("2026-11-24T05:10:00Z", False),
        ("2026-07-24T03:40:00Z", True),  # the same wall clock in summer
        ("2026-07-24T04:40:00Z", False),
        ("2026-11-24T17:00:00Z", False),
    ],
)
def test_the_restart_window_goes_past_midnight_and_by_the_wall_clock(at: str, inside: bool) -> None:
    assert in_restart_window(parse(LEAST), datetime.fromisoformat(at)) is inside


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-03-08T06:59:59Z", False),  # 01:59:59, the last second before the clock goes to 03:00
        ("2026-03-08T07:00:00Z", True),  # 03:00: the skipped hour held the window's start
        ("2026-03-08T07:10:00Z", False),
        ("2026-11-01T05:30:00Z", False),  # 01:30 the first time
        ("2026-11-01T07:30:00Z", True),  # 02:30, once only
    ],
)
def test_a_restart_window_in_the_hour_of_a_clock_change_follows_the_wall_clock(at: str, inside: bool) -> None:
    raw = with_("restartWindow", {"start": "02:30", "end": "03:10"})
    assert in_restart_window(parse(raw), datetime.fromisoformat(at)) is inside


def test_a_repeated_hour_is_in_the_restart_window_both_times() -> None:
    configuration = parse(with_("restartWindow", {"start": "01:20", "end": "01:40"}))
    for hour in (5, 6):
        assert in_restart_window(configuration, datetime(2026, 11, 1, hour, 30, tzinfo=UTC))


def test_a_window_of_no_length_is_refused_and_null_means_none() -> None:
    assert refusal(with_("restartWindow", {"start": "00:10", "end": "00:10"})).field == "restartWindow.end"
    off = parse(with_("restartWindow", None))
    assert not in_restart_window(off, datetime(2026, 11, 24, 5, 0, tzinfo=UTC))
