"""`adapters.gcp.kms`: every transfer's checksum is compared, and what cannot be mended by waiting says what mends it.

Source: google-cloud "KMS"; KMS "Verifying end-to-end data integrity".
"""

import grpc
import pytest
from cryptography.exceptions import InvalidSignature

from affidavit.adapters.gcp.kms import KmsSigner, open_kms
from affidavit.errors import Misconfigured, Unavailable
from fakes.kms_server import Algorithm, KmsServer

NAME = "projects/p/locations/europe-west1/keyRings/acme/cryptoKeys/log/cryptoKeyVersions/1"
ORIGIN = "gateway.example.com/audit"


@pytest.fixture
def kms():
    server = KmsServer(NAME)
    with server.serving() as address:
        server.address = address
        yield server


def signer(kms, name=NAME):
    return KmsSigner(open_kms({"KMS_EMULATOR_HOST": kms.address}), name, ORIGIN)


def test_what_it_signs_verifies_under_the_key_that_it_gives(kms):
    one = signer(kms)

    signature = one.sign(b"a note\n")
    kms.key.public_key().verify(signature, b"a note\n")
    with pytest.raises(InvalidSignature):
        kms.key.public_key().verify(signature, b"another\n")
    assert one.verifier_key.name == ORIGIN
    assert one.verifier_key.public_key == kms.key.public_key().public_bytes_raw()


@pytest.mark.parametrize("damages", ["signature", "signature_crc32c", "data_crc32c", "name", "pem"])
def test_what_is_damaged_on_its_way_is_never_returned(kms, damages):
    kms.damages = damages

    with pytest.raises(Unavailable):
        signer(kms).sign(b"a note\n")


def test_another_algorithm_is_refused_with_the_right_one_and_how_to_make_it():
    server = KmsServer(NAME, Algorithm.EC_SIGN_P256_SHA256)
    with server.serving() as server.address, pytest.raises(Misconfigured, match="ec-sign-ed25519"):
        signer(server).sign(b"a note\n")
    assert server.signed == 0


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (grpc.StatusCode.NOT_FOUND, "terraform/audit"),
        (grpc.StatusCode.PERMISSION_DENIED, "roles/cloudkms"),
        (grpc.StatusCode.FAILED_PRECONDITION, "versions enable"),
    ],
)
def test_what_stays_so_until_somebody_does_something_says_what(kms, code, word):
    kms.failing = code

    with pytest.raises(Misconfigured, match=word):
        signer(kms).sign(b"a note\n")


def test_what_may_pass_is_unavailable(kms):
    kms.failing = grpc.StatusCode.UNKNOWN

    with pytest.raises(Unavailable):
        signer(kms).sign(b"a note\n")


def test_an_emulator_is_refused_where_the_real_one_is():
    with pytest.raises(Misconfigured, match="KMS_EMULATOR_HOST"):
        open_kms({"KMS_EMULATOR_HOST": "127.0.0.1:1", "K_SERVICE": "sequence-log"})
