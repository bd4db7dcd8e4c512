"""The gateway as it is measured: `affidavit serve` with a real token, one allow rule, and nothing switched off.

Source: architecture "Configuration"; evidence-format sections 2, 5 and 6. Counts records as a stranger would: with
gzip and JSON, not with the code that is measured.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec

from fakes.ports import free_port
from performance.clients import Target
from performance.processes import Broken, running, stop, tree

LOOPBACK = "127.0.0.1"
READY_S = 30
ISSUER = "https://issuer.test"
KEY_ID = "bench"
ALGORITHM = "ES256"
TOKEN_LIFE_S = 3600  # people's tokens may be an hour old
_GZIP_WBITS = 31

CONFIGURATION = """\
version: 1
origin: gateway.example.com/bench
public_url: http://{own}

issuers:
  - name: laptop
    issuer: {issuer}
    audiences: ["http://{own}"]
    jwks_file: ./jwks.json
    attribution: person

upstreams:
  - name: warehouse
    kind: mcp
    url: {upstream}

rules:
  - name: people-may-query
    when: upstream == "warehouse" && principal.attribution == "person"
    then: allow
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway that runs."""

    process: subprocess.Popen[str]
    target: Target
    data: Path

    @property
    def family(self) -> dict[str, int]:
        """Process ids: the gateway, and what it has started."""
        first, *others = tree(self.process.pid)
        return {"gateway": first} | {f"worker {n}" if n > 1 else "worker": pid for n, pid in enumerate(others, 1)}

    def state(self) -> dict[str, Any]:
        """What `/readyz` says, whether it is ready or not."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.target.port}/readyz", timeout=5) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))

    def stop(self) -> float:
        """End it with SIGTERM; gives the seconds that it took.

        Raises:
            Broken: It ended with an error, or had to be killed.
        """
        began = time.monotonic()
        status = stop(self.process)
        if status != 0:
            raise Broken(f"the gateway ended with {status}")
        return time.monotonic() - began


@contextlib.contextmanager
def running_gateway(
    folder: Path, upstream: str, environment: dict[str, str] | None = None, *, like: str = CONFIGURATION
) -> Iterator[Gateway]:
    """Run `affidavit serve` in front of an upstream while the block lasts, unless it is stopped before.

    Args:
        folder: Empty; receives the configuration, the key set and the data.
        upstream: URL of an MCP endpoint.
        environment: What it finds in its environment beside our own.
        like: Its configuration, with the places that `CONFIGURATION` has.
    """
    authority = f"{LOOPBACK}:{free_port()}"
    host, _, port = authority.partition(":")
    data = folder / "data"
    data.mkdir(parents=True)
    token = _issue(folder, f"http://{authority}")
    configuration = folder / "affidavit.yaml"
    configuration.write_text(like.format(own=authority, issuer=ISSUER, upstream=upstream), encoding="utf-8")
    command: list[str | Path] = [program(), "serve", "--config", configuration, "--data", data]
    command += ["--host", host, "--port", port]
    target = Target(
        name="gateway and its worker",
        port=int(port),
        path="/mcp/warehouse",
        headers={"Authorization": f"Bearer {token}"},
    )
    with running(command, environment=environment) as process:
        gateway = Gateway(process=process, target=target, data=data)
        _await_ready(gateway)
        yield gateway


def program() -> Path:
    """The command `affidavit` of this environment."""
    return Path(sys.executable).with_name("affidavit")


def _await_ready(gateway: Gateway) -> None:
    ends = time.monotonic() + READY_S
    while time.monotonic() < ends:
        if gateway.process.poll() is not None:
            raise Broken(f"the gateway ended with {gateway.process.returncode} before it was ready")
        with contextlib.suppress(OSError):  # refused, or not ready yet
            urllib.request.urlopen(f"http://{LOOPBACK}:{gateway.target.port}/readyz", timeout=1).close()
            return
        time.sleep(0.05)
    raise Broken(f"the gateway was not ready after {READY_S} s")


def _issue(folder: Path, audience: str) -> str:
    """Write a key set of one fresh key, and give a token of it for one person."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    keys = {"keys": [public | {"kid": KEY_ID, "alg": ALGORITHM, "use": "sig"}]}
    (folder / "jwks.json").write_text(json.dumps(keys), encoding="ascii")
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": audience, "sub": "ana", "iat": now, "exp": now + TOKEN_LIFE_S}
    claims |= {"email": "ana@example.com", "email_verified": True}
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": KEY_ID})


@dataclass(slots=True)
class Recorded:
    """What is stored: records of each kind, the ids of calls of tools, and how many of these were answered."""

    kinds: Counter[str]
    called: set[str]
    answered: int


def recorded(data: Path) -> Recorded:
    """Count the records of all chains, each in its order."""
    found = Recorded(Counter(), set(), 0)
    for segment in sorted((data / "evidence" / "segment").rglob("*.ndjson.gz")):
        lines = zlib.decompress(segment.read_bytes(), wbits=_GZIP_WBITS).splitlines()
        for record in map(orjson.loads, lines[1:-1]):
            found.kinds[record["kind"]] += 1
            if record["kind"] == "call:requested" and record["method"] == "tools/call":
                found.called.add(record["call"])
            elif record["kind"] == "call:answered" and record["call"] in found.called:
                found.answered += record["outcome"] == "answered"
    return found
