"""A request that IB answers with an error."""


class Refusal(Exception):
    """IB's code and text for what it will not do."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


def invalid(cause: str) -> Refusal:
    """Error 321, which IB gives for most of what is wrong with a request."""
    return Refusal(321, f"Error validating request.-'bN' : cause - {cause}")
