"""The CloudEvent function. functions-framework executes this file anew, so it keeps no state."""

import structlog
from cloudevents.http import CloudEvent
from functions_framework.aio import cloud_event
from starlette.exceptions import HTTPException

from trader.domain.errors import Retryable
from trader.entrypoints.serving import RUNNER
from trader.runs.decoding import Delivery

log = structlog.get_logger("trader.entrypoints.function")


@cloud_event
async def handle(event: CloudEvent) -> None:
    """Carry out one delivery: returning acknowledges it, 503 asks for it again."""
    try:
        await RUNNER.get().receive(Delivery.model_validate(event.data))
    except Retryable as error:
        log.warning("sent back", code=error.code, reason=error.message)
        raise HTTPException(503, error.code, headers={"Retry-After": str(error.retry_after_s)}) from None
    except Exception as error:
        log.error("unexpected error", exc_info=error)
        raise HTTPException(503, "internal-error", headers={"Retry-After": "10"}) from None
