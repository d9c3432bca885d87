"""Who may push: Google's token of the one service account for the one audience, and nobody else."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.support.clock import FakeClock
from tests.support.tokens import ACCOUNT, AUDIENCE, KeySource, Signer
from trader.adapters.signing_keys import AFTER_FAILURE_S, AGAIN_S, LONGEST_S, SigningKeys
from trader.entrypoints.push_token import TokenCheck, VerifiedPush


class Door:
    """The middleware with a function behind it that says when it was let in, and that the body is whole."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.signer = Signer(self.clock)
        self.source = KeySource(self.signer)
        self.let_in = 0
        check = TokenCheck(AUDIENCE, ACCOUNT, SigningKeys(self.source, self.clock), self.clock)
        self._app = VerifiedPush(self._behind, check)

    async def _behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["body"] == b"the body"
        self.let_in += 1
        await PlainTextResponse("in")(scope, receive, send)

    async def knock(self, token: str | None, *, scheme: str = "Bearer") -> httpx.Response:
        """Post with ``token``; whatever is refused must be so before its body is read."""
        headers = {} if token is None else {"authorization": f"{scheme} {token}"}
        before = self.let_in

        async def body_is_read(scope: Scope, receive: Receive, send: Send) -> None:
            async def counting() -> Any:
                reads.append(1)
                return await receive()

            await self._app(scope, counting, send)

        reads: list[int] = []
        transport = httpx.ASGITransport(body_is_read)
        async with httpx.AsyncClient(transport=transport, base_url="http://worker") as http:
            answer = await http.post("/", content=b"the body", headers=headers)
        assert bool(reads) == (self.let_in > before)
        return answer


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.mark.parametrize("issuer", ["https://accounts.google.com", "accounts.google.com"])
async def test_a_token_of_google_for_us_is_let_in(door: Door, issuer: str) -> None:
    assert (await door.knock(door.signer.token(iss=issuer))).status_code == 200


def alg_none(door: Door) -> str:
    return door.signer.forged("none", b"")


def alg_none_in_capitals(door: Door) -> str:
    return door.signer.forged("NoNe", b"")


def hs256_with_the_public_key(door: Door) -> str:
    public = door.signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": door.signer.key_id}
    signed = hmac.new(public, door.signer.unsigned(header).encode(), hashlib.sha256)
    return door.signer.forged("HS256", signed.digest())


def another_key_under_the_same_id(door: Door) -> str:
    return Signer(door.clock, door.signer.key_id).token()


def changed_after_signing(door: Door) -> str:
    head, _, signature = door.signer.token(email="someone@else.example").split(".")
    return f"{head}.{door.signer.token().split('.')[1]}.{signature}"


def claiming(**changes: Any) -> Callable[[Door], str]:
    return lambda door: door.signer.token(**changes)


REFUSED: dict[str, Callable[[Door], str | None]] = {
    "no token": lambda door: None,
    "an empty token": lambda door: "",
    "no JSON Web Token": lambda door: "abc",
    "three parts of nothing": lambda door: "..",
    "alg none": alg_none,
    "alg none in capitals": alg_none_in_capitals,
    "HS256 with the public key": hs256_with_the_public_key,
    "another key under the same id": another_key_under_the_same_id,
    "changed after signing": changed_after_signing,
    "a huge one": lambda door: door.signer.token(padding="x" * 9000),
    "a stolen token for another audience": claiming(aud="https://other.example/"),
    "an audience that begins as ours": claiming(aud=AUDIENCE + "x"),
    "several audiences": claiming(aud=[AUDIENCE, "https://other.example/"]),
    "no audience": claiming(aud=None),
    "another issuer": claiming(iss="https://accounts.example.com"),
    "no issuer": claiming(iss=None),
    "another service account": claiming(email="other@demo.iam.gserviceaccount.com"),
    "no e-mail": claiming(email=None),
    "an unverified e-mail": claiming(email_verified=False),
    "an e-mail verified in words": claiming(email_verified="true"),
    "no word on the e-mail": claiming(email_verified=None),
    "no expiry": claiming(exp=None),
    "an expiry in words": claiming(exp="tomorrow"),
    "no time of issue": claiming(iat=None),
}


@pytest.mark.parametrize("made", REFUSED.values(), ids=REFUSED.keys())
async def test_anything_else_is_401_before_its_body_is_read(
    door: Door, made: Callable[[Door], str | None], caplog: pytest.LogCaptureFixture
) -> None:
    token = made(door)

    answer = await door.knock(token)

    assert (answer.status_code, door.let_in) == (401, 0)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["detail"].startswith("expected")
    assert not token or len(token) < 4 or token not in answer.text + caplog.text


async def test_another_scheme_is_refused(door: Door) -> None:
    assert (await door.knock(door.signer.token(), scheme="Basic")).status_code == 401


async def test_a_token_holds_until_it_expires(door: Door) -> None:
    token = door.signer.token()
    door.clock.advance(3600)
    assert (await door.knock(token)).status_code == 200
    door.clock.advance(31)
    assert (await door.knock(token)).status_code == 401


async def test_a_token_of_the_future_is_refused(door: Door) -> None:
    issued = int(door.clock.now().timestamp()) + 40
    assert (await door.knock(door.signer.token(iat=issued))).status_code == 401
    door.clock.advance(15)
    assert (await door.knock(door.signer.token(iat=issued))).status_code == 200


async def test_keys_are_fetched_once_and_again_when_they_are_old(door: Door) -> None:
    for _ in range(3):
        assert (await door.knock(door.signer.token())).status_code == 200
    assert door.source.fetched == 1

    door.clock.advance(3601)
    assert (await door.knock(door.signer.token())).status_code == 200
    assert door.source.fetched == 2


async def test_a_new_key_is_found_and_made_up_ones_ask_google_once(door: Door) -> None:
    assert (await door.knock(door.signer.token())).status_code == 200
    door.clock.advance(AGAIN_S)
    newer = Signer(door.clock, "key-2")
    door.source.signers.append(newer)

    assert (await door.knock(newer.token())).status_code == 200
    assert door.source.fetched == 2
    door.clock.advance(AGAIN_S)
    for number in range(5):
        assert (await door.knock(door.signer.token(key_id=f"made-up-{number}"))).status_code == 401
    assert door.source.fetched == 3


async def test_a_key_that_google_has_withdrawn_no_longer_counts(door: Door) -> None:
    assert (await door.knock(door.signer.token())).status_code == 200
    door.source.signers = [Signer(door.clock, "key-2")]
    door.clock.advance(3601)

    assert (await door.knock(door.signer.token())).status_code == 401


async def test_while_no_keys_can_be_had_the_message_is_to_come_again(door: Door) -> None:
    door.source.down = True
    answer = await door.knock(door.signer.token())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "token" in answer.json()["detail"]
    await door.knock(door.signer.token())
    assert door.source.fetched == 1  # not for each that comes

    door.source.down = False
    door.clock.advance(AFTER_FAILURE_S)
    assert (await door.knock(door.signer.token())).status_code == 200


async def test_old_keys_serve_while_no_others_can_be_had_but_not_for_ever(door: Door) -> None:
    assert (await door.knock(door.signer.token())).status_code == 200
    door.source.down = True
    door.clock.advance(3601)
    assert (await door.knock(door.signer.token())).status_code == 200
    door.clock.advance(LONGEST_S)
    assert (await door.knock(door.signer.token())).status_code == 503
