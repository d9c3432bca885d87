"""Requests that carry an id: any number may wait for their answers at once."""
# ib_insync types its data, but not all of its calls.
# mypy: allow-untyped-calls

import asyncio
from collections.abc import Callable
from typing import Any

from ib_insync import IB, RequestError

from trader.adapters.ib import codes
from trader.adapters.ib.pacer import Pacer
from trader.domain.errors import GatewayNotReady, TraderError


class Requests:
    """The requests of one login."""

    def __init__(self, ib: IB, pacer: Pacer, *, answer_s: float) -> None:
        self._ib = ib
        self._pacer = pacer
        self._answer_s = answer_s

    async def ask(
        self,
        name: str,
        send: Callable[[int], None],
        *,
        cancel: Callable[[int], None] | None = None,
        refusal: Callable[[int, str], TraderError] = codes.refusal,
    ) -> Any:
        """Send one request under a fresh id and return its answer; one that isn't answered is cancelled.

        Raises GatewayNotReady, or what ``refusal`` makes of the broker's error.
        """
        client = self._ib.client
        await self._pacer.slot()
        try:
            request_id = client.getReqId()
            answer = self._ib.wrapper.startReq(request_id)
            send(request_id)
            try:
                async with asyncio.timeout(self._answer_s):
                    return await answer
            finally:
                if answer.cancelled() and cancel is not None and client.isReady():
                    cancel(request_id)
        except TimeoutError:
            raise GatewayNotReady(
                "gateway-silent",
                f"the gateway did not answer a request for {name} within {self._answer_s:g} s",
            ) from None
        except ConnectionError:
            raise GatewayNotReady(
                "gateway-disconnected", f"the connection was lost while waiting for {name}"
            ) from None
        except RequestError as error:
            raise refusal(error.code, error.message) from None
