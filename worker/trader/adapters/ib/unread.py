"""Messages that ib_insync could not read."""

import logging

from ib_insync.decoder import Decoder


class Unread:
    """Counts them: ib_insync itself only logs each, with all it says, and goes on as if it hadn't come.

    What it may have been, an open order or a position, is missing then from the answer to a question.
    """

    def __init__(self, decoder: Decoder) -> None:
        self.count = 0
        self._log = decoder.logger
        decoder.logger = self  # type: ignore[assignment]

    def exception(self, _fields: str) -> None:
        self.count += 1
        self._log.log(logging.ERROR, "a message of the gateway could not be read", exc_info=True)
