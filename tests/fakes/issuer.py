"""An issuer of tokens, for tests and the demo: keys made at run time, tokens with any claims, also deliberately wrong.

`Issuer` is a value in one process; `KeyServer` serves its key set on loopback, and can be down, slow or talk nonsense.
Signs by hand, so that it can also write what no library would.
"""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm

HOUR = 3600  # seconds
RSA_BITS = 2048

ALGORITHMS: dict[str, tuple[Callable[[], Any], Algorithm]] = {
    "RS256": (lambda: rsa.generate_private_key(65537, RSA_BITS), RSAAlgorithm(RSAAlgorithm.SHA256)),
    "ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECAlgorithm(ECAlgorithm.SHA256)),
    "ES384": (lambda: ec.generate_private_key(ec.SECP384R1()), ECAlgorithm(ECAlgorithm.SHA384)),
    "EdDSA": (ed25519.Ed25519PrivateKey.generate, OKPAlgorithm()),
}


class Issuer:
    """One issuer with one current key.

    Args:
        url: What its tokens have as `iss`.
        algorithm: RS256, ES256, ES384 or EdDSA.
        now: Seconds since 1970, for `iat` and `exp`.
    """

    def __init__(self, url: str = "https://issuer.test", *, algorithm: str = "ES256", now=time.time) -> None:
        self.url = url
        self.now = now
        self.keys: list[SigningKey] = []
        self.rotate(algorithm)

    @property
    def key(self) -> "SigningKey":
        """What signs now."""
        return self.keys[-1]

    def rotate(self, algorithm: str | None = None, *, keep_old: bool = True) -> "SigningKey":
        """Make a new current key; the old ones stay in the set unless told otherwise."""
        old = self.keys
        self.keys = [*(old if keep_old else []), SigningKey(algorithm or old[-1].algorithm)]
        return self.key

    def jwks(self) -> bytes:
        """Return the key set's bytes."""
        return json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()

    def write_jwks(self, path: Path) -> Path:
        """Write the key set to a file, for `jwks_file`."""
        path.write_bytes(self.jwks())
        return path

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Return claims that are right but for what is changed; `without` in place of a value leaves one out."""
        now = int(self.now())
        usual = {"iss": self.url, "sub": "1234", "iat": now, "exp": now + HOUR, "jti": "t-1"}
        return {name: value for name, value in (usual | changed).items() if value is not without}

    def token(self, *, key: "SigningKey | None" = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Mint a token; `header` changes members of its header, and every other argument is a claim.

        A key that is handed in signs, whether or not it is in the set.
        """
        return self.sign(json.dumps(self.claims(**claims)), key=key, header=header)

    def sign(self, payload: str, *, key: "SigningKey | None" = None, header: dict[str, Any] | None = None) -> str:
        """Sign any text as a token's second part."""
        key = key or self.key
        head = {"alg": key.algorithm, "typ": "JWT", "kid": key.kid} | (header or {})
        head = {name: value for name, value in head.items() if value is not without}
        signed = f"{encode(json.dumps(head))}.{encode(payload)}"
        return f"{signed}.{encode(key.sign(signed.encode()))}"

    # Wrong on purpose.

    def unsigned(self, **claims: Any) -> str:
        """Mint a token with algorithm `none` and no signature (RFC 8725 section 2.1)."""
        signed = self.token(header={"alg": "none"}, **claims)
        return signed[: signed.rindex(".") + 1]

    def signed_with_the_public_key(self, **claims: Any) -> str:
        """Mint an HS256 token whose secret is the public key's PEM text (RFC 8725 section 2.1)."""
        head = {"alg": "HS256", "typ": "JWT", "kid": self.key.kid}
        signed = f"{encode(json.dumps(head))}.{encode(json.dumps(self.claims(**claims)))}"
        return f"{signed}.{encode(hmac.digest(self.key.public_pem(), signed.encode(), hashlib.sha256))}"

    def with_own_key(self, **claims: Any) -> str:
        """Mint a token by a stranger's key, which its header offers in every way that RFC 7515 section 4.1 knows."""
        stranger = SigningKey(self.key.algorithm)
        offered = {"jwk": stranger.jwk(), "jku": "https://evil.test/jwks", "x5u": "https://evil.test/cert"}
        return self.token(key=stranger, header={"kid": self.key.kid, **offered}, **claims)

    def tampered(self, changes: dict[str, Any], **claims: Any) -> str:
        """Mint a token and change its claims after it was signed."""
        head, _, signature = self.token(**claims).split(".")
        return f"{head}.{encode(json.dumps(self.claims(**claims) | changes))}.{signature}"

    # As the world's issuers have them.

    def google(self, email: str, /, **claims: Any) -> str:
        """Mint what Google's issuer gives: to people of a domain with `hd`, to service accounts without."""
        domain = email.rpartition("@")[2]
        hosted = {} if domain.endswith("gserviceaccount.com") else {"hd": domain}
        return self.token(**{"email": email, "email_verified": True, "azp": "1234"} | hosted | claims)

    def github(self, actor_id: int, /, **claims: Any) -> str:
        """Mint what GitHub Actions gives to a job."""
        usual = {
            "sub": "repo:example/warehouse:ref:refs/heads/main",
            "actor": "ana",
            "actor_id": str(actor_id),
            "repository": "example/warehouse",
            "repository_id": "74",
            "job_workflow_ref": "example/warehouse/.github/workflows/ci.yml@refs/heads/main",
            "run_id": "9000000001",
            "run_attempt": "1",
            "event_name": "push",
            "ref": "refs/heads/main",
            "sha": "0123456789abcdef0123456789abcdef01234567",
        }
        return self.token(**usual | claims)


class _Without:
    def __repr__(self) -> str:
        return "without"  # the same in every process, because tests are named by it


without = _Without()  # in place of a claim or a header member: leave it out


class SigningKey:
    """A private key under a key id."""

    _numbers = iter(range(1, 1_000_000))

    def __init__(self, algorithm: str, kid: str | None = None) -> None:
        make, self._algorithm = ALGORITHMS[algorithm]
        self.algorithm = algorithm
        self.kid = kid or f"key-{next(self._numbers)}"
        self.private_key = make()

    def sign(self, signed: bytes) -> bytes:
        """Return the signature as it stands in a token."""
        return self._algorithm.sign(signed, self.private_key)

    def jwk(self) -> dict[str, Any]:
        """Return the public half as a member of a key set."""
        public = self._algorithm.to_jwk(self.private_key.public_key(), as_dict=True)
        return {**public, "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def public_pem(self) -> bytes:
        """Return the public half as PEM text."""
        return self.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class KeyServer:
    """Serves an issuer's key set over HTTP on loopback, or fails to.

    Attributes:
        fault: None, `down` (503), `elsewhere` (302), `garbage`, `huge`, or `slow` (answers after `delay` seconds).
        requests: How many came.
    """

    def __init__(self, issuer: Issuer, *, delay: float = 2.0) -> None:
        self.issuer = issuer
        self.fault: str | None = None
        self.requests = 0
        self._delay = delay
        self._stopping = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Where the key set is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/jwks"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self) -> tuple[int, bytes]:
        """Return status and body of the next answer."""
        self.requests += 1
        if self.fault == "slow":
            self._stopping.wait(self._delay)
        if self.fault == "down":
            return 503, b"down for maintenance"
        if self.fault == "elsewhere":
            return 302, self.issuer.jwks()
        if self.fault == "garbage":
            return 200, b"<html>Please sign in</html>"
        if self.fault == "huge":
            return 200, b'{"keys":[' + b" " * (4 * 1024 * 1024) + b"]}"
        return 200, self.issuer.jwks()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answer()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                if status == 302:
                    self.send_header("location", self.path)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Stay quiet."""

        return Handler


def encode(part: str | bytes) -> str:
    """Return one part of a token."""
    raw = part.encode() if isinstance(part, str) else part
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
