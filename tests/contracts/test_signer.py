"""The laws of `audit.ports.Signer`, on a key file and on Cloud KMS (evidence-format section 7)."""

from __future__ import annotations

import contextlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from affidavit.adapters.embedded.disk import Disk
from affidavit.adapters.gcp.kms import KmsSigner, open_kms
from affidavit.tlog.note import Note, sign, verify
from affidavit.wiring.data_folder import DataFolder
from fakes.kms_server import KmsServer
from fakes.real_project import told, with_project

ORIGIN = "gateway.example.com/audit"
NAME = "projects/p/locations/europe-west1/keyRings/acme/cryptoKeys/log/cryptoKeyVersions/1"
TEXT = f"{ORIGIN}\n3\nAAAA\n".encode()


@contextlib.contextmanager
def opened(kind, folder):
    if kind == "file":
        yield DataFolder.open(folder, Disk()).keys().signer(ORIGIN)
    elif kind == "kms":
        with KmsServer(NAME).serving() as address:
            yield KmsSigner(open_kms({"KMS_EMULATOR_HOST": address}), NAME, ORIGIN)
    else:
        yield KmsSigner(open_kms({}), told("LOG_KEY"), ORIGIN)


@pytest.fixture(params=with_project("file", "kms", needs="LOG_KEY"))
def signer(request, tmp_path):
    with opened(request.param, tmp_path) as signer:
        yield signer


def test_a_signature_is_ed25519_over_the_text_itself(signer):
    signature = signer.sign(TEXT)
    key = Ed25519PublicKey.from_public_bytes(signer.verifier_key.public_key)

    assert len(signature) == 64
    key.verify(signature, TEXT)
    with pytest.raises(InvalidSignature):
        key.verify(signature, TEXT + b"\n")


def test_a_note_that_it_signs_opens_with_the_key_that_it_gives(signer):
    """C2SP signed-note."""
    note = sign(TEXT.decode(), signer.verifier_key, signer.sign)

    assert signer.verifier_key.name == ORIGIN
    assert verify(Note.parse(note.encode()), [signer.verifier_key]) == TEXT.decode()


def test_the_key_stays_the_same(signer):
    assert signer.verifier_key == signer.verifier_key
    assert signer.sign(TEXT) == signer.sign(TEXT)  # RFC 8032: the same text has the same signature
