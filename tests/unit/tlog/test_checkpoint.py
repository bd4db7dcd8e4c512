"""affidavit.tlog.checkpoint against C2SP tlog-checkpoint."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from affidavit.errors import Malformed, VerificationFailed
from affidavit.tlog.checkpoint import Checkpoint, open_checkpoint
from affidavit.tlog.merkle import EMPTY_ROOT, MAX_SIZE
from affidavit.tlog.note import VerifierKey, sign

ORIGIN = "gateway.example.com/audit"
ROOT = bytes(range(32))
ENCODED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
TEXT = f"{ORIGIN}\n20852163\n{ENCODED}\n"
OLD, NEW = (Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in (1, 2))

origins = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
checkpoints = st.builds(
    Checkpoint, origin=origins, size=st.integers(1, MAX_SIZE), root=st.binary(min_size=32, max_size=32)
) | st.builds(Checkpoint, origin=origins, size=st.just(0), root=st.just(EMPTY_ROOT))


def key(private, name=ORIGIN):
    return VerifierKey(name=name, public_key=private.public_key().public_bytes_raw())


def signed(text=TEXT, private=OLD, name=ORIGIN):
    return sign(text, key(private, name), private.sign).encode()


def test_a_checkpoint_is_origin_size_and_root():
    checkpoint = Checkpoint(origin=ORIGIN, size=20852163, root=ROOT)

    assert checkpoint.text() == TEXT
    assert Checkpoint.parse(TEXT) == checkpoint


@given(checkpoints)
def test_a_printed_checkpoint_parses_to_what_was_printed(checkpoint):
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


@given(st.text("0123456789+-_ ٠", max_size=18))
def test_a_size_that_parses_is_printed_the_same(size):
    text = f"{ORIGIN}\n{size}\n{ENCODED}\n"
    try:
        checkpoint = Checkpoint.parse(text)
    except Malformed:
        return
    assert checkpoint.text() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-1],
        TEXT + "\n",
        TEXT + "extension\n",
        "\n" + TEXT,
        f"\n1\n{ENCODED}\n",
        f"{ORIGIN}\n{ENCODED}\n",
        f"{ORIGIN}\n\n{ENCODED}\n",
        f"{ORIGIN}\n01\n{ENCODED}\n",
        f"{ORIGIN}\n+1\n{ENCODED}\n",
        f"{ORIGIN}\n-1\n{ENCODED}\n",
        f"{ORIGIN}\n 1\n{ENCODED}\n",
        f"{ORIGIN}\n1_0\n{ENCODED}\n",
        f"{ORIGIN}\n\u0661\n{ENCODED}\n",
        f"{ORIGIN}\n\u00b2\n{ENCODED}\n",
        f"{ORIGIN}\n{2**53}\n{ENCODED}\n",
        f"{ORIGIN}\n{'9' * 5000}\n{ENCODED}\n",
        f"{ORIGIN}\n0\n{ENCODED}\n",  # an empty tree has one root only
        f"{ORIGIN}\n1\n{ENCODED[:-1]}\n",
        f"{ORIGIN}\n1\n{ENCODED[:-2]}9=\n",  # an unused bit is set
        f"{ORIGIN}\n1\nAAAA\n",
        f"{ORIGIN}\r\n1\n{ENCODED}\n",
        f"a\tb\n1\n{ENCODED}\n",
    ],
)
def test_what_is_not_exactly_a_checkpoint_is_refused(text):
    """C2SP tlog-checkpoint; evidence-format.md section 7 leaves out extension lines."""
    with pytest.raises(Malformed):
        Checkpoint.parse(text)


def test_the_largest_log_has_a_checkpoint():
    text = f"{ORIGIN}\n9007199254740991\n{ENCODED}\n"

    assert Checkpoint.parse(text).size == 2**53 - 1


def test_a_signed_checkpoint_is_believed():
    assert open_checkpoint(signed(), origin=ORIGIN, keys=[key(OLD)]) == Checkpoint.parse(TEXT)


@pytest.mark.parametrize("private", [OLD, NEW])
def test_checkpoints_from_before_and_after_a_rotation_are_believed(private):
    assert open_checkpoint(signed(private=private), origin=ORIGIN, keys=[key(OLD), key(NEW)]).size == 20852163


def test_a_checkpoint_by_another_key_is_not_believed():
    with pytest.raises(VerificationFailed):
        open_checkpoint(signed(private=NEW), origin=ORIGIN, keys=[key(OLD)])


def test_a_checkpoint_of_another_log_is_not_believed_though_the_key_signed_it():
    with pytest.raises(VerificationFailed):
        open_checkpoint(signed(TEXT.replace("audit", "other")), origin=ORIGIN, keys=[key(OLD)])


def test_a_key_of_another_name_vouches_for_nothing():
    """evidence-format.md section 7: origin = key name. A witness's signature does not stand in for the log's."""
    with pytest.raises(VerificationFailed):
        open_checkpoint(signed(name="witness.example.com"), origin=ORIGIN, keys=[key(OLD, "witness.example.com")])


def test_a_signed_text_that_is_no_checkpoint_is_refused():
    with pytest.raises(Malformed):
        open_checkpoint(signed(TEXT + "extension\n"), origin=ORIGIN, keys=[key(OLD)])
