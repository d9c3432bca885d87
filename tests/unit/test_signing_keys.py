"""Google's keys as they are fetched."""

import json
from collections.abc import Mapping

import httpx
import pytest

from trader.adapters import signing_keys
from trader.adapters.signing_keys import FAILURES, USUAL_S, fetch_google_keys

CLIENT = httpx.AsyncClient


def answers(monkeypatch: pytest.MonkeyPatch, status: int, body: str, headers: Mapping[str, str] = {}) -> None:
    """Let Google answer so."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == signing_keys.CERTS_URL
        return httpx.Response(status, text=body, headers=headers)

    monkeypatch.setattr(httpx, "AsyncClient", lambda **_: CLIENT(transport=httpx.MockTransport(answer)))


async def test_keys_are_kept_as_long_as_google_says(monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"keys": [{"kid": "a", "kty": "RSA"}]})
    answers(monkeypatch, 200, body, {"cache-control": "public, max-age=19845, must-revalidate"})
    found = await fetch_google_keys()
    assert (found.keys["a"]["kty"], found.max_age_s) == ("RSA", 19845)

    answers(monkeypatch, 200, body)
    assert (await fetch_google_keys()).max_age_s == USUAL_S


@pytest.mark.parametrize(
    ("status", "body"), [(500, ""), (200, "no JSON"), (200, "{}"), (200, '{"keys": [{}]}'), (200, "[]")]
)
async def test_any_other_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch, status: int, body: str) -> None:
    answers(monkeypatch, status, body)
    with pytest.raises(FAILURES):
        await fetch_google_keys()
