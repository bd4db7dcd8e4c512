"""A Cloud KMS with one key version for signing: it checks what the real one checks, and can be told to fail.

`python -m fakes.kms_server --port N --key-version NAME`
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from typing import Any

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
        faults: What the next requests are answered instead.
        damages: What is wrong in answers: of the public key `key_name`, `pem` (another key's) or `kind`; of a signature
            `signature`, `short`, `signature_crc32c`, `data_crc32c` or `signature_name`.
        given: How often it has given its public key.
        signed: How many signatures it has made.
    """

    def __init__(self, key_version: str, algorithm: int = Algorithm.EC_SIGN_ED25519) -> None:
        self.key_version = key_version
        self.algorithm = algorithm
        self.key = Ed25519PrivateKey.generate()
        self.failing: grpc.StatusCode | None = None
        self.faults: list[grpc.StatusCode] = []
        self.damages: str | None = None
        self.given = 0
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
        self.given += 1
        is_ed25519 = self.algorithm == Algorithm.EC_SIGN_ED25519 and self.damages != "kind"
        pem = _pem(self.key if is_ed25519 else generate_private_key(SECP256R1()))
        crc = google_crc32c.value(pem.encode())
        if self.damages == "pem":
            pem = _pem(Ed25519PrivateKey.generate())
        return PublicKey(pem=pem, pem_crc32c=crc, algorithm=self.algorithm, name=self._name("key_name"))

    def _sign(self, request: AsymmetricSignRequest) -> AsymmetricSignResponse:
        self._check(request.name)
        if not request.data or request.digest:
            raise Failed(grpc.StatusCode.INVALID_ARGUMENT, "EC_SIGN_ED25519 takes data, not a digest")
        if request.data_crc32c is not None and request.data_crc32c != google_crc32c.value(request.data):
            raise Failed(grpc.StatusCode.INVALID_ARGUMENT, "data_crc32c does not match")
        self.signed += 1
        signature = self.key.sign(request.data)
        if self.damages in ("signature", "short"):
            signature = bytes(64) if self.damages == "signature" else signature[:-1]
        crc = google_crc32c.value(signature)
        return AsymmetricSignResponse(
            signature=signature,
            signature_crc32c=crc ^ 1 if self.damages == "signature_crc32c" else crc,
            verified_data_crc32c=request.data_crc32c is not None and self.damages != "data_crc32c",
            name=self._name("signature_name"),
        )

    def _name(self, damage: str) -> str:
        return "another" if self.damages == damage else self.key_version

    def _check(self, name: str) -> None:
        if self.faults:
            raise Failed(self.faults.pop(0))
        if self.failing is not None:
            raise Failed(self.failing)
        if name != self.key_version:
            raise Failed(grpc.StatusCode.NOT_FOUND)


def _pem(key: Any) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


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
