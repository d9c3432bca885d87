"""What is written as JSON reads back as it was, whichever encoder wrote it; what is no JSON is refused."""

import json
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from trader.domain.wire import compact

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(st.dictionaries(st.text(), VALUES))
def test_any_object_reads_back_as_it_was(value: dict[str, JsonValue]) -> None:
    assert json.loads(compact(value)) == value


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "a NaN within", 'quoted "Infinity"'])
def test_a_text_that_names_what_is_no_number_is_a_text(text: str) -> None:
    assert json.loads(compact({"a": [text], text: 1})) == {"a": [text], text: 1}


@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_what_is_no_number_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        compact({"a": {"b": [number]}, "text": "NaN"})
