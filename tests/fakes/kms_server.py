"""A Cloud KMS with one key version for signing: it checks what the real one checks, and can be told to fail.

`python -m fakes.kms_server --port N --key-version NAME`
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator

import google_crc32c
import grpc
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.cloud.kms_v1 import (
    AsymmetricSignRequest,
    AsymmetricSignResponse,
    CryptoKeyVersion,
    GetPublicKeyRequest,
    PublicKey,
)

from fakes.grpc_server import Failed, serving, stay

Algorithm = CryptoKeyVersion.CryptoKeyVersionAlgorithm


class KmsServer:
    """One key version.

    Attributes:
        failing: What every method answers instead.
        damages: `signature`, `signature_crc32c`, `data_crc32c`, `pem`, `name`: what is wrong in answers.
        signed: How many signatures it has made.
    """

    def __init__(self, key_version: str, algorithm: Algorithm = Algorithm.EC_SIGN_ED25519) -> None:
        self.key_version = key_version
        self.algorithm = algorithm
        self.key = Ed25519PrivateKey.generate()
        self.failing: grpc.StatusCode | None = None
        self.damages: str | None = None
        self.signed = 0

    @contextlib.contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        methods = {
            "GetPublicKey": (GetPublicKeyRequest, self._public_key),
            "AsymmetricSign": (AsymmetricSignRequest, self._sign),
        }
        with serving("google.cloud.kms.v1.KeyManagementService", methods, port) as address:
            yield address

    def _public_key(self, request: GetPublicKeyRequest) -> PublicKey:
        self._check(request.name)
        public = self.key if self.algorithm == Algorithm.EC_SIGN_ED25519 else generate_private_key(SECP256R1())
        pem = public.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        crc = google_crc32c.value(pem.encode())
        if self.damages == "pem":
            pem = pem.replace("A", "B", 1)
        return PublicKey(pem=pem, pem_crc32c=crc, algorithm=self.algorithm, name=self._name())

    def _sign(self, request: AsymmetricSignRequest) -> AsymmetricSignResponse:
        self._check(request.name)
        if not request.data or request.digest:
            raise Failed(grpc.StatusCode.INVALID_ARGUMENT, "EC_SIGN_ED25519 takes data, not a digest")
        if request.data_crc32c is not None and request.data_crc32c != google_crc32c.value(request.data):
            raise Failed(grpc.StatusCode.INVALID_ARGUMENT, "data_crc32c does not match")
        self.signed += 1
        signature = self.key.sign(request.data)
        crc = google_crc32c.value(signature)
        if self.damages == "signature":
            signature = bytes(64)
            crc = google_crc32c.value(signature)
        return AsymmetricSignResponse(
            signature=signature,
            signature_crc32c=crc ^ 1 if self.damages == "signature_crc32c" else crc,
            verified_data_crc32c=request.data_crc32c is not None and self.damages != "data_crc32c",
            name=self._name(),
        )

    def _name(self) -> str:
        return "another" if self.damages == "name" else self.key_version

    def _check(self, name: str) -> None:
        if self.failing is not None:
            raise Failed(self.failing)
        if name != self.key_version:
            raise Failed(grpc.StatusCode.NOT_FOUND)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fakes.kms_server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key-version", required=True)
    arguments = parser.parse_args()
    with KmsServer(arguments.key_version).serving(arguments.port) as address:
        print(address, flush=True)
        stay()


if __name__ == "__main__":
    main()
