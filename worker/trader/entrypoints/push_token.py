"""Who pushes: the bearer token of each delivery, verified before anything of its body is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jwt
import structlog
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from trader.domain.errors import Retryable
from trader.ports import Clock

ISSUERS = ("https://accounts.google.com", "accounts.google.com")
ALGORITHM = "RS256"
LARGEST_TOKEN = 8192
SKEW_S = 30.0
"""How far Google's clock and ours may differ."""

log = structlog.get_logger(__name__)


class NotVerified(Exception):
    """A delivery by nobody whom we know; the text never holds anything of the token."""


class Keys(Protocol):
    """The keys that tokens are signed with."""

    async def key(self, key_id: str) -> Mapping[str, Any] | None:
        """Return a JSON Web Key, None if there is none of that id; raises Retryable."""


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """What a token has to be: signed by Google, for ``audience``, of ``service_account``, and not expired.

    Source: Google's "Authenticate push subscriptions" and "Verify the Google ID token".
    """

    audience: str
    service_account: str
    keys: Keys
    clock: Clock

    async def verify(self, authorization: str | None) -> None:
        """Return for a token as it has to be; raises NotVerified, and Retryable while keys can't be had."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotVerified("expected a bearer token, found none")
        if len(token) > LARGEST_TOKEN:
            raise NotVerified(f"expected a token of at most {LARGEST_TOKEN} characters, found a longer one")
        claims = await self._claims(token.strip())
        self._check_times(claims)
        if claims.get("email") != self.service_account:
            raise NotVerified("expected the token of TRADER_PUSH_SERVICE_ACCOUNT, found another account's")
        if claims.get("email_verified") is not True:
            raise NotVerified("expected a verified e-mail address, found one that isn't")

    async def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise NotVerified("expected a JSON Web Token, found none") from None
        key_id = header.get("kid")
        if header.get("alg") != ALGORITHM or not isinstance(key_id, str):
            raise NotVerified(f"expected a token signed with {ALGORITHM} and its key's id, found another")
        key = await self.keys.key(key_id)
        if key is None:
            raise NotVerified("expected a token signed with one of Google's keys, found an unknown one")
        try:
            return jwt.decode(
                token,
                jwt.PyJWK(dict(key), algorithm=ALGORITHM),
                algorithms=[ALGORITHM],
                audience=self.audience,
                issuer=ISSUERS,
                options={
                    "require": ["exp", "iat", "aud", "iss"],
                    "strict_aud": True,
                    # By our own clock, below.
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.InvalidAudienceError:
            raise NotVerified("expected a token for TRADER_PUSH_AUDIENCE, found one for another") from None
        except jwt.InvalidIssuerError:
            raise NotVerified("expected a token that Google issued, found another issuer") from None
        except jwt.InvalidSignatureError:
            raise NotVerified("expected Google's signature, found another") from None
        except jwt.PyJWTError as error:
            raise NotVerified(f"expected a valid token, found {type(error).__name__}") from None

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self.clock.now().timestamp()
        times = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
        if any(isinstance(at, bool) or not isinstance(at, int | float) for at in times.values()):
            raise NotVerified("expected times as numbers in the token, found others")
        if now > times["exp"] + SKEW_S:
            raise NotVerified("expected a token that holds, found an expired one")
        if any(now < times[name] - SKEW_S for name in ("iat", "nbf") if name in times):
            raise NotVerified("expected a token that holds by now, found one of the future; check the clock")


class VerifiedPush:
    """ASGI middleware: 401 for a delivery that ``check`` doesn't pass, before its body is read."""

    def __init__(self, app: ASGIApp, check: TokenCheck) -> None:
        self._app = app
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            try:
                await self._check.verify(Headers(scope=scope).get("authorization"))
            except NotVerified as refusal:
                log.warning("push refused", code="push-not-verified", reason=str(refusal))
                await _problem(401, "Not authenticated", str(refusal), {"WWW-Authenticate": "Bearer"})(
                    scope, receive, send
                )
                return
            except Retryable as error:
                log.warning("sent back", code=error.code, reason=error.message)
                again = {"Retry-After": str(error.retry_after_s)}
                await _problem(503, "Try again", error.message, again)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _problem(status: int, title: str, detail: str, headers: Mapping[str, str]) -> JSONResponse:
    return JSONResponse(
        {"type": "about:blank", "title": title, "status": status, "detail": detail},
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )
