"""The log's key in Cloud KMS: Ed25519 over the data itself, with every transfer's checksum compared.

Never sees the private half; never returns a signature that it has not verified.

Source: architecture "Ports" (`Signer`); google-cloud "KMS"; KMS "Verifying end-to-end data integrity".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import google_crc32c
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.api_core import exceptions
from google.cloud.kms_v1 import AsymmetricSignRequest, CryptoKeyVersion, KeyManagementServiceClient

from affidavit.adapters.gcp.grpc import WITHIN, open_service, translated
from affidavit.errors import Misconfigured, Unavailable
from affidavit.tlog.note import VerifierKey

SIGNATURE_BYTES = 64  # RFC 8032
_ALGORITHM = CryptoKeyVersion.CryptoKeyVersionAlgorithm.EC_SIGN_ED25519
_MENDS: Mapping[type[Exception], str] = {
    exceptions.NotFound: "there is no such key version: terraform/audit makes it",
    exceptions.Forbidden: "this account may not use it: only the sequencer's may sign (roles/cloudkms.signer), and "
    "auditors need roles/cloudkms.publicKeyViewer",
    exceptions.FailedPrecondition: "the key version is disabled or destroyed: `gcloud kms keys versions enable`",
}


class KmsSigner:
    """A `Signer`.

    Args:
        client: From `open_kms`.
        key_version: `projects/…/cryptoKeyVersions/1`.
        origin: The log's name.
    """

    def __init__(self, client: KeyManagementServiceClient, key_version: str, origin: str) -> None:
        self._client = client
        self._name = key_version
        self._origin = origin

    @cached_property
    def verifier_key(self) -> VerifierKey:
        """The public half, under the log's origin; asked for once.

        Raises:
            Misconfigured: The key is not there, not for this account, or of another algorithm.
            Unavailable: No answer, or a damaged one.
        """
        with translated(self._name, _MENDS):
            answer = self._client.get_public_key(request={"name": self._name}, **WITHIN)
        if answer.algorithm != _ALGORITHM:
            named = getattr(answer.algorithm, "name", answer.algorithm)  # a number, where the library knows no name
            raise Misconfigured(
                f"{self._name} is of the algorithm {named}, and a log is signed with EC_SIGN_ED25519: `gcloud kms keys "
                "create … --purpose asymmetric-signing --default-algorithm ec-sign-ed25519`"
            )
        pem = answer.pem.encode()
        if answer.name != self._name or google_crc32c.value(pem) != answer.pem_crc32c:
            raise Unavailable(f"{self._name}: the public key was damaged on its way")
        key = load_pem_public_key(pem)
        if not isinstance(key, Ed25519PublicKey):
            raise Unavailable(f"{self._name}: the public key is not of the algorithm that it is said to be")
        return VerifierKey(name=self._origin, public_key=key.public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature over a note's text; raises as `verifier_key` does."""
        key = Ed25519PublicKey.from_public_bytes(self.verifier_key.public_key)  # and it is of the right algorithm
        request = AsymmetricSignRequest(name=self._name, data=text, data_crc32c=google_crc32c.value(text))
        with translated(self._name, _MENDS):
            answer = self._client.asymmetric_sign(request=request, **WITHIN)
        signature = bytes(answer.signature)
        whole = answer.verified_data_crc32c and answer.signature_crc32c == google_crc32c.value(signature)
        if not whole or answer.name != self._name or len(signature) != SIGNATURE_BYTES:
            raise Unavailable(f"{self._name}: the text or its signature was damaged on its way")
        try:
            key.verify(signature, text)
        except InvalidSignature as error:
            raise Unavailable(f"{self._name}: the signature does not verify") from error
        return signature


def open_kms(environment: Mapping[str, str]) -> KeyManagementServiceClient:
    """Return a client of KMS, or of what `KMS_EMULATOR_HOST` names; raises `Misconfigured`."""
    return open_service(KeyManagementServiceClient, "KMS_EMULATOR_HOST", environment)
