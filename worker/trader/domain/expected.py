"""What a value should have been, in a person's words and not in the validator's."""

from pydantic_core import ErrorDetails


def expected(error: ErrorDetails) -> str:
    """Return what ``error`` expected, to follow the word "expected"."""
    context = error.get("ctx", {})
    match error["type"]:
        case "string_pattern_mismatch":
            return f"text like {context['pattern']}"
        case "string_too_short":
            return f"at least {context['min_length']} characters"
        case "string_too_long":
            return f"at most {context['max_length']} characters"
        case "too_short":
            return f"at least {context['min_length']} items"
        case "too_long":
            return f"at most {context['max_length']} items"
        case _:
            text = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            return text[:1].lower() + text[1:]
