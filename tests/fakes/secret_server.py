"""A Secret Manager that holds versions of secrets, and can be told to fail.

`python -m fakes.secret_server --port N --secret projects/P/secrets/S/versions/1` holds 32 random bytes there.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator

import google_crc32c
import grpc
from google.cloud.secretmanager_v1 import AccessSecretVersionRequest, AccessSecretVersionResponse

from fakes.grpc_server import Failed, serving, stay


class SecretServer:
    """Versions by their resource names.

    Attributes:
        failing: What every method answers instead.
        damages: Whether values come damaged.
        reads: How many were asked for.
    """

    def __init__(self) -> None:
        self.versions: dict[str, bytes] = {}
        self.failing: grpc.StatusCode | None = None
        self.damages = False
        self.reads = 0

    def add(self, secret: str, value: bytes) -> str:
        """Add a version to `projects/P/secrets/S`, and return its name."""
        number = 1 + sum(name.startswith(f"{secret}/versions/") for name in self.versions)
        self.versions[f"{secret}/versions/{number}"] = value
        return f"{secret}/versions/{number}"

    @contextlib.contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        methods = {"AccessSecretVersion": (AccessSecretVersionRequest, self._access)}
        with serving("google.cloud.secretmanager.v1.SecretManagerService", methods, port) as address:
            yield address

    def _access(self, request: AccessSecretVersionRequest) -> AccessSecretVersionResponse:
        self.reads += 1
        if self.failing is not None:
            raise Failed(self.failing)
        name = request.name
        if name.endswith("/versions/latest"):
            secret = name.removesuffix("latest")
            numbers = [int(known.removeprefix(secret)) for known in self.versions if known.startswith(secret)]
            name = f"{secret}{max(numbers, default=0)}"
        if name not in self.versions:
            raise Failed(grpc.StatusCode.NOT_FOUND)
        value = self.versions[name]
        payload = {"data": value[::-1] if self.damages else value, "data_crc32c": google_crc32c.value(value)}
        return AccessSecretVersionResponse(name=name, payload=payload)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fakes.secret_server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--secret", required=True)
    arguments = parser.parse_args()
    server = SecretServer()
    server.versions[arguments.secret] = os.urandom(32)
    with server.serving(arguments.port) as address:
        print(address, flush=True)
        stay()


if __name__ == "__main__":
    main()
