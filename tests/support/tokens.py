"""A signer of push tokens, as Google is one, and where its public keys are found."""

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.support.clock import FakeClock
from trader.adapters.signing_keys import KeySet

AUDIENCE = "https://worker-du1.example/"
ACCOUNT = "push@demo.iam.gserviceaccount.com"


class Signer:
    """Signs tokens with a key of its own; ``keys`` is what it publishes."""

    def __init__(self, clock: FakeClock, key_id: str = "key-1") -> None:
        self.clock = clock
        self.key_id = key_id
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public(self) -> dict[str, Any]:
        """Its key as a JSON Web Key."""
        return {**RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True), "kid": self.key_id}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return a good token's claims, with ``changes``; a claim of None is left out."""
        now = self.clock.now()
        claims = {
            "aud": AUDIENCE,
            "azp": "113774264463038321964",
            "email": ACCOUNT,
            "email_verified": True,
            "exp": int((now + timedelta(hours=1)).timestamp()),
            "iat": int(now.timestamp()),
            "iss": "https://accounts.google.com",
            "sub": "113774264463038321964",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, key_id: str | None = None, **changes: Any) -> str:
        """Return a token of those claims."""
        headers = {"kid": key_id or self.key_id}
        return jwt.encode(self.claims(**changes), self.private, algorithm="RS256", headers=headers)

    def forged(self, algorithm: str, signature: bytes, **changes: Any) -> str:
        """Return a token whose header names ``algorithm``, with that signature."""
        header = {"alg": algorithm, "typ": "JWT", "kid": self.key_id}
        return f"{self.unsigned(header, **changes)}.{_encoded(signature)}"

    def unsigned(self, header: dict[str, Any], **changes: Any) -> str:
        """Return what a signature is made of."""
        return ".".join(_encoded(json.dumps(part).encode()) for part in (header, self.claims(**changes)))


class KeySource:
    """Where keys are fetched: counts how often, and is down when a test says so."""

    def __init__(self, *signers: Signer) -> None:
        self.signers = list(signers)
        self.fetched = 0
        self.down = False
        self.max_age_s = 3600.0

    async def __call__(self) -> KeySet:
        self.fetched += 1
        if self.down:
            raise ConnectionError("down")
        return KeySet({signer.key_id: signer.public for signer in self.signers}, self.max_age_s)


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")
