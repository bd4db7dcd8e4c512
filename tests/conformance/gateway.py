"""Starts the gateway in front of one MCP server, and reads what it recorded once it has stopped.

Source: architecture.md, "Configuration"; evidence-format.md sections 2, 5 and 6. Reads records as a stranger would:
with gzip and JSON, not with the code under test.
"""

import contextlib
import gzip
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from fakes.ports import free_port
from fakes.process import stop

LOOPBACK = "127.0.0.1"
READY_S = 20
ISSUER = "https://issuer.test"
AUDIENCE = "https://gateway.example.com"
KEY_ID = "laptop"
ALGORITHM = "ES256"
TOKEN_LIFE_S = 3600

CONFIGURATION = """\
version: 1
origin: gateway.example.com/conformance
public_url: http://{own}

issuers:
  - name: laptop
    issuer: {issuer}
    audiences: [{audience}]
    jwks_file: ./jwks.json
    attribution: person

upstreams:
  - name: fixture
    kind: mcp
    url: {upstream}

rules:
  - name: may-ask
    when: method in ["sampling/createMessage", "elicitation/create", "roots/list"]
    then: allow
  - name: all
    when: upstream == "fixture"
    then: allow
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway that runs; `data` holds its evidence once it has stopped."""

    authority: str  # host:port
    token_file: Path
    data: Path

    @property
    def path(self) -> str:
        return "/mcp/fixture"


@contextlib.contextmanager
def running_gateway(folder: Path, upstream: str) -> Iterator[Gateway]:
    """Run `affidavit serve` in front of the server at `upstream` while the block lasts; it ends with SIGTERM.

    Args:
        folder: Empty; receives the configuration, the keys, a token and the data.
        upstream: URL of an MCP endpoint.

    Raises:
        AssertionError: It was not ready in time, or did not end in time, or ended with an error.
    """
    authority = f"{LOOPBACK}:{free_port()}"
    gateway = Gateway(authority=authority, token_file=folder / "token", data=folder / "data")
    gateway.data.mkdir()
    _write_issuer(folder)
    configuration = folder / "affidavit.yaml"
    configuration.write_text(
        CONFIGURATION.format(own=authority, issuer=ISSUER, audience=AUDIENCE, upstream=upstream), encoding="utf-8"
    )
    with subprocess.Popen(_command(configuration, gateway), text=True) as process:
        try:
            _await_ready(process, authority)
            yield gateway
        finally:
            status = stop(process)
        assert status == 0, f"the gateway ended with {status}"


def _command(configuration: Path, gateway: Gateway) -> list[str]:
    host, _, port = gateway.authority.partition(":")
    program = [str(Path(sys.executable).with_name("affidavit")), "serve"]
    return [*program, "--config", str(configuration), "--data", str(gateway.data), "--host", host, "--port", port]


def _write_issuer(folder: Path) -> None:
    """A key set of one fresh key, and a token of it for one person."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    keys = {"keys": [public | {"kid": KEY_ID, "alg": ALGORITHM, "use": "sig"}]}
    (folder / "jwks.json").write_text(json.dumps(keys), encoding="ascii")
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ana",
        "email": "ana@example.com",
        "email_verified": True,
        "iat": now,
        "exp": now + TOKEN_LIFE_S,
    }
    token = jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": KEY_ID})
    (folder / "token").write_text(token, encoding="ascii")


def _await_ready(process: subprocess.Popen[str], authority: str) -> None:
    ends = time.monotonic() + READY_S
    while time.monotonic() < ends:
        assert process.poll() is None, f"the gateway ended with {process.returncode} before it was ready"
        with contextlib.suppress(OSError):  # refused, or an HTTP status other than 2xx
            urllib.request.urlopen(f"http://{authority}/readyz", timeout=1).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"the gateway was not ready after {READY_S} s")


def records(data: Path) -> list[dict[str, Any]]:
    """Every record under `data`, once each, in the order of its chain."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for segment in sorted((data / "evidence" / "segment").rglob("*.ndjson.gz")):
        _header, *lines, _signature = gzip.decompress(segment.read_bytes()).splitlines()
        for record in map(json.loads, lines):
            found[record["writer"], record["seq"]] = record
    return [found[place] for place in sorted(found)]


def forwarded(recorded: Iterable[dict[str, Any]]) -> Counter[str]:
    """How many calls of each method were recorded before they were sent, and not refused after all."""
    recorded = list(recorded)
    refused = {record["call"] for record in recorded if record["kind"] == "call:refused"}
    requested = [record for record in recorded if record["kind"] == "call:requested"]
    return Counter(record["method"] for record in requested if record["call"] not in refused)
