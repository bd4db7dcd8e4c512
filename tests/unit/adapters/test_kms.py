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


def test_the_public_key_is_asked_for_once(kms):
    """A key version never has another key."""
    one = signer(kms)
    one.sign(b"a note\n")
    one.sign(b"another\n")

    assert (kms.given, kms.signed) == (1, 2)


@pytest.mark.parametrize("damages", ["key_name", "pem", "kind"])
def test_a_public_key_that_is_damaged_on_its_way_is_never_used(kms, damages):
    kms.damages = damages

    with pytest.raises(Unavailable, match="the public key"):
        signer(kms).sign(b"a note\n")
    assert kms.signed == 0


@pytest.mark.parametrize(
    ("damages", "word"),
    [
        ("signature", "does not verify"),
        ("short", "damaged"),
        ("signature_crc32c", "damaged"),
        ("signature_name", "damaged"),
        ("data_crc32c", "damaged"),
    ],
)
def test_a_signature_that_is_damaged_on_its_way_is_never_returned(kms, damages, word):
    kms.damages = damages

    with pytest.raises(Unavailable, match=word):
        signer(kms).sign(b"a note\n")


UNKNOWN = 9999  # of a KMS that is newer than the installed library


@pytest.mark.filterwarnings("ignore:Unrecognized CryptoKeyVersionAlgorithm")
@pytest.mark.parametrize(
    ("algorithm", "named"), [(Algorithm.EC_SIGN_P256_SHA256, "EC_SIGN_P256_SHA256"), (UNKNOWN, "9999")]
)
def test_another_algorithm_is_refused_with_the_right_one_and_how_to_make_it(algorithm, named):
    server = KmsServer(NAME, algorithm)
    with server.serving() as server.address, pytest.raises(Misconfigured, match=f"{named}, .*ec-sign-ed25519"):
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
@pytest.mark.parametrize("known", [False, True])
def test_what_stays_so_until_somebody_does_something_says_what(kms, known, code, word):
    """Whether it is the public key that is asked for, or a signature."""
    one = signer(kms)
    if known:
        one.sign(b"a note\n")
    kms.failing = code

    with pytest.raises(Misconfigured, match=word):
        one.sign(b"another\n")


def test_what_may_pass_is_unavailable(kms):
    kms.failing = grpc.StatusCode.UNKNOWN

    with pytest.raises(Unavailable):
        signer(kms).sign(b"a note\n")


def test_what_passes_is_not_noticed(kms):
    """google.api_core retries of itself where nothing is answered, and never what was aborted."""
    one = signer(kms)
    for note in (b"with the key\n", b"without\n"):
        kms.faults = [grpc.StatusCode.ABORTED]
        kms.key.public_key().verify(one.sign(note), note)
    assert kms.faults == []


def test_an_emulator_is_refused_where_the_real_one_is():
    with pytest.raises(Misconfigured, match="KMS_EMULATOR_HOST"):
        open_kms({"KMS_EMULATOR_HOST": "127.0.0.1:1", "K_SERVICE": "sequence-log"})


def test_without_credentials_it_says_how_to_have_some(monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")

    with pytest.raises(Misconfigured, match="application-default login"):
        open_kms({})
