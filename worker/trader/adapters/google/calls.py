"""A call to a Google service: bounded in time, tried again where that does no harm, its failure explained."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.api_core import exceptions as api
from google.api_core.retry import AsyncRetry, if_exception_type
from google.auth.exceptions import GoogleAuthError

from trader.domain.errors import Retryable

Answer = TypeVar("Answer")
Unavailable = Callable[[str, str], Retryable]
"""Makes the port's error of a code and a message."""

PASSING = (
    api.ServiceUnavailable,
    api.DeadlineExceeded,
    api.InternalServerError,
    api.Unknown,
    api.Aborted,
    api.ResourceExhausted,
    api.Cancelled,
)
"""What may be gone at the next try."""

# The most specific first; each with the end of the code, and what a person can do.
_KINDS: tuple[tuple[type[Exception], str, str], ...] = (
    (TimeoutError, "slow", "it is tried again"),
    (api.RetryError, "unavailable", "it is tried again"),
    (api.DeadlineExceeded, "slow", "it is tried again"),
    (api.PermissionDenied, "no-permission", "give this service account the role that the guide names"),
    (api.Unauthenticated, "no-credentials", "check the service account that this runs as"),
    (api.NotFound, "missing", "check TRADER_PROJECT, and that it was set up"),
    (api.ResourceExhausted, "quota", "it is tried again; raise the quota if it stays"),
    (api.Aborted, "contended", "it is tried again"),
    (api.FailedPrecondition, "refused", "check that the project was set up as the guide says"),
    (api.InvalidArgument, "refused", "see the reason"),
    (
        GoogleAuthError,
        "no-credentials",
        "run `gcloud auth application-default login`, or name a service account",
    ),
)


def retry(seconds: float) -> AsyncRetry:
    """Return how a call that may be repeated is, within ``seconds``.

    The last try begins early enough to be answered: else a refusal would be told as silence.
    """
    return AsyncRetry(
        if_exception_type(*PASSING), initial=0.1, maximum=2, multiplier=2, timeout=0.7 * seconds
    )


async def bounded(
    call: Callable[[], Awaitable[Answer]], within_s: float, what: str, unavailable: Unavailable
) -> Answer:
    """Return what ``call`` answers within the time; raises what ``unavailable`` makes of a failure."""
    try:
        async with asyncio.timeout(within_s):
            return await call()
    except (api.GoogleAPIError, GoogleAuthError, TimeoutError) as error:
        raise explained(error, within_s, what, unavailable) from None


def explained(error: Exception, within_s: float, what: str, unavailable: Unavailable) -> Retryable:
    """Return the port's error for one of a Google client."""
    cause = error.cause if isinstance(error, api.RetryError) else error
    error = cause if isinstance(cause, Exception) else error
    suffix, advice = next(
        ((suffix, advice) for kind, suffix, advice in _KINDS if isinstance(error, kind)),
        ("unavailable", "it is tried again"),
    )
    if isinstance(error, TimeoutError):
        found = f"found no answer within {within_s:g} s"
    else:
        found = f"found {type(error).__name__}: {_line(error)}"
    return unavailable(suffix, f"{what}: expected an answer, {found}; {advice}")


def _line(error: Exception) -> str:
    text = error.message if isinstance(error, api.GoogleAPICallError) and error.message else str(error)
    return " ".join(str(text).split())[:200]
