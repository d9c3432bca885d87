"""Why something wasn't done, as a value: it is collected and reported, where an error would end the run."""

from pydantic import Field

from trader.domain.wire import Wire


class Refusal(Wire):
    """One reason not to go on with an instrument, an order or a change."""

    code: str = Field(description="Stable, kebab-case, for programs.")
    message: str = Field(description="One line for a person: expected, found, what to do.")
