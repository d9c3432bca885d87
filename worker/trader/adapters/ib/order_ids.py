"""The gateway's own counter of order ids, in its own words."""
# mypy: allow-untyped-calls

import asyncio

from ib_insync import IB


class OrderIds:
    """What the gateway says its next order id is; ib_insync's counter has moved on with its requests."""

    def __init__(self, ib: IB) -> None:
        self.first = 0
        """As told at the login."""
        self._ib = ib
        self._answer: asyncio.Future[int] | None = None
        # The decoder looks its methods up by name at each message.
        ib.wrapper.nextValidId = self._on_next  # type: ignore[assignment]

    def ask(self) -> asyncio.Future[int]:
        """Send the question; the answer has no id, so only one may be asked at a time."""
        self._answer = self._ib.wrapper.startReq("nextValidId")  # which a lost connection ends
        self._ib.client.reqIds(1)
        return self._answer

    def _on_next(self, order_id: int) -> None:
        self.first = self.first or order_id
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(order_id)
