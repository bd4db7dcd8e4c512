"""affidavit.tlog.note against C2SP signed-note."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from affidavit.errors import Malformed, VerificationFailed
from affidavit.tlog.note import MAX_NOTE_BYTES, Note, Signature, VerifierKey, decode_base64, sign, verify

VECTORS = Path(__file__).parents[2] / "vectors/tlog"
BY_PETER = (VECTORS / "signed-by-peter.note").read_bytes()
BY_BOTH = (VECTORS / "signed-by-both.note").read_bytes()
VKEY = (VECTORS / "peter.vkey").read_text().rstrip("\n")
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE, ENOCH_LINE = BY_BOTH.decode().removeprefix(TEXT + "\n").splitlines(keepends=True)

ENOCH = Ed25519PrivateKey.from_private_bytes(bytes(32))  # vectors/tlog/README.md
peter = VerifierKey.parse(VKEY)
enoch = VerifierKey(name="EnochRoot", public_key=ENOCH.public_key().public_bytes_raw())

key_names = st.text(
    st.characters(exclude_characters="+", exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=20
)
texts = st.text(st.characters(exclude_categories=["Cs"], min_codepoint=32) | st.just("\n"), max_size=60).map(
    "{}\n".format
)
signatures = st.builds(
    Signature, name=key_names, key_id=st.integers(0, 2**32 - 1), signature=st.binary(min_size=1, max_size=100)
)
notes = st.builds(Note, unverified_text=texts, signatures=st.lists(signatures, min_size=1, max_size=5).map(tuple))


def under(lines):
    """The published text with other lines under it."""
    return f"{TEXT}\n{lines}".encode()


def test_a_note_signed_by_somebody_else_is_believed():
    """vectors/tlog: as golang.org/x/mod/sumdb/note publishes it."""
    assert verify(Note.parse(BY_PETER), [peter]) == TEXT


def test_a_note_signed_here_is_what_others_sign():
    """Ed25519 is deterministic, so the second line of the published note can be made again, byte for byte."""
    assert sign(TEXT, enoch, ENOCH.sign).encode().decode() == f"{TEXT}\n{ENOCH_LINE}"


@pytest.mark.parametrize("keys", [[peter], [enoch], [peter, enoch], [enoch, peter, peter]])
def test_any_known_key_is_enough_and_unknown_lines_are_ignored(keys):
    """C2SP signed-note: verifiers must ignore signatures from unknown keys; so keys are rotated and witnesses added."""
    assert verify(Note.parse(BY_BOTH), keys) == TEXT


@pytest.mark.parametrize("keys", [[], [enoch]])
def test_a_note_by_nobody_known_is_not_believed(keys):
    """C2SP signed-note: if no signature from a known key verifies, clients must reject the note."""
    with pytest.raises(VerificationFailed):
        verify(Note.parse(BY_PETER), keys)


def test_one_bad_line_of_a_known_key_spoils_the_note_though_another_is_good():
    """C2SP signed-note: if a signature from a known key fails to verify, clients should reject the whole note."""
    forged = ENOCH_LINE.replace("XSdeX", "XSdeY")
    note = Note.parse(f"{TEXT}\n{PETER_LINE}{forged}".encode())

    assert verify(note, [peter]) == TEXT
    with pytest.raises(VerificationFailed):
        verify(note, [peter, enoch])


def test_the_same_line_with_a_forged_twin_is_not_believed():
    forged = PETER_LINE.replace("SffcvI", "SffcvJ")
    with pytest.raises(VerificationFailed):
        verify(Note.parse(f"{TEXT}\n{PETER_LINE}{forged}".encode()), [peter])


@pytest.mark.parametrize("name", ["peterneumann", "PeterNeumann2"])
def test_a_line_with_the_right_id_and_another_name_is_unknown(name):
    """C2SP signed-note: ignored even if they share a name or ID (but not both) with a known key."""
    note = Note.parse(f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', name)}{ENOCH_LINE}".encode())

    assert verify(note, [peter, enoch]) == TEXT
    with pytest.raises(VerificationFailed):
        verify(note, [peter])


def test_every_flipped_bit_of_a_note_is_noticed():
    for at in range(len(BY_PETER)):
        for bit in range(8):
            damaged = bytearray(BY_PETER)
            damaged[at] ^= 1 << bit
            with pytest.raises((Malformed, VerificationFailed)):
                verify(Note.parse(bytes(damaged)), [peter])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        TEXT.encode(),
        f"{TEXT}\n".encode(),
        f"\n{PETER_LINE}".encode(),  # no text: the empty line is the text's own newline
        PETER_LINE.encode(),
        under(PETER_LINE.removeprefix("\u2014 ")),
        BY_PETER[:-1],
        BY_PETER + b"\n",
        BY_PETER + b"Unexpected line.\n",
        BY_PETER.replace(b"\n", b"\r\n"),
        b"\x01" + BY_PETER,
        b"\xff" + BY_PETER,
        BY_PETER.replace(b"think", b"th\tnk"),
        under(PETER_LINE.replace("PeterNeumann", "Peter Neumann")),
        under(PETER_LINE.replace("PeterNeumann", "Peter\u00a0Neumann")),
        under(PETER_LINE.replace("PeterNeumann", "Peter+Neumann")),
        under(PETER_LINE.replace("PeterNeumann ", "")),
        under(PETER_LINE.replace("PeterNeumann", "")),
        under(PETER_LINE.replace("\u2014", "-")),
        under(PETER_LINE.replace(" x08", "  x08")),
        under(PETER_LINE.replace("JnAM=", "JnAN=")),  # an unused bit is set
        under(PETER_LINE.replace("JnAM=", "JnAM")),
        under(PETER_LINE.replace("JnAM=", "JnAM=====")),
        under(PETER_LINE.replace("/", "_")),
        f"{TEXT}\n\u2014 PeterNeumann x08goA==\n".encode(),  # a key id and nothing behind it
    ],
)
def test_what_is_not_exactly_a_note_is_refused(raw):
    with pytest.raises(Malformed):
        Note.parse(raw)


@pytest.mark.parametrize(
    ("raw", "code"),
    [(under("not a line\n" * 101), "bad_signature_count"), (b"\xff" * (MAX_NOTE_BYTES + 1), "note_too_long")],
)
def test_a_note_beyond_its_bounds_is_refused_before_it_is_read(raw, code):
    """C2SP signed-note: verifiers should apply a maximum limit. A checkpoint comes from a bucket that others write."""
    with pytest.raises(Malformed) as caught:
        Note.parse(raw)
    assert caught.value.code == code


def test_the_bounds_themselves_are_accepted():
    assert verify(Note.parse(under(PETER_LINE * 100)), [peter]) == TEXT

    text = "a" * (MAX_NOTE_BYTES - 2 - len(ENOCH_LINE.encode())) + "\n"
    note = sign(text, enoch, ENOCH.sign)
    assert len(note.encode()) == MAX_NOTE_BYTES == 1_000_000
    assert Note.parse(note.encode()) == note


def test_no_note_is_made_that_could_not_be_read():
    (line,) = Note.parse(BY_PETER).signatures
    for signatures in ((), (line,) * 101):
        with pytest.raises(Malformed):
            Note(unverified_text=TEXT, signatures=signatures)
    with pytest.raises(Malformed):
        Note(unverified_text="a" * MAX_NOTE_BYTES + "\n", signatures=(line,))


def test_sixteen_signatures_of_five_kilobytes_are_accepted():
    """C2SP signed-note: at least 16 signatures; post-quantum ones can be nearly 5 kB."""
    line = Signature(name="witness.example.com/w1", key_id=1, signature=bytes(5_000))
    note = Note(unverified_text=TEXT, signatures=(*Note.parse(BY_PETER).signatures, *[line] * 16))

    assert verify(Note.parse(note.encode()), [peter]) == TEXT


def test_the_last_empty_line_parts_text_from_signatures():
    """C2SP signed-note: the note text may contain empty lines, and lines that look like signatures."""
    text = f"{TEXT}\n{PETER_LINE}\n\n"
    note = sign(text, enoch, ENOCH.sign)

    assert Note.parse(note.encode()) == note
    assert verify(Note.parse(note.encode()), [peter, enoch]) == text


@given(notes)
def test_a_printed_note_parses_to_what_was_printed(note):
    assert Note.parse(note.encode()) == note


@given(st.text("\u2014 Aa+=\n", max_size=30))
def test_a_note_that_parses_is_printed_the_same(tail):
    raw = f"a\n{tail}".encode()
    try:
        note = Note.parse(raw)
    except Malformed:
        return
    assert note.encode() == raw


@given(texts, key_names)
def test_what_is_signed_is_believed(text, name):
    key = VerifierKey(name=name, public_key=enoch.public_key)

    assert verify(Note.parse(sign(text, key, ENOCH.sign).encode()), [key]) == text


def test_a_signer_with_another_key_gets_no_note():
    with pytest.raises(VerificationFailed):
        sign(TEXT, peter, ENOCH.sign)
    with pytest.raises(VerificationFailed):
        sign(TEXT, enoch, lambda _: b"")


@pytest.mark.parametrize("text", ["", "no newline", "a\tb\n", "a\r\n", "\ud800\n"])
def test_a_text_that_no_note_can_hold_never_reaches_the_signer(text):
    asked = []
    with pytest.raises(Malformed):
        sign(text, enoch, asked.append)
    assert asked == []


def test_a_verifier_key_is_printed_as_it_was_read():
    assert str(peter) == VKEY
    assert str(enoch).startswith("EnochRoot+af0cfe78+")


@given(key_names, st.binary(min_size=32, max_size=32))
def test_a_printed_verifier_key_parses_to_what_was_printed(name, public_key):
    key = VerifierKey(name=name, public_key=public_key)
    assert VerifierKey.parse(str(key)) == key


def test_no_part_of_a_verifier_key_is_one():
    for start in range(len(VKEY)):
        for end in range(start + 1, len(VKEY) + 1):
            if (start, end) != (0, len(VKEY)):
                with pytest.raises(Malformed):
                    VerifierKey.parse(VKEY[start:end])


def test_no_altered_verifier_key_is_one():
    """The key id covers name and key; base64 covers the rest by being canonical."""
    for at in range(len(VKEY)):
        for step in (1, 32, 0x60):
            with pytest.raises(Malformed):
                VerifierKey.parse(VKEY[:at] + chr(ord(VKEY[at]) ^ step) + VKEY[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+c74f20a3",
        "PeterNeumann+C74F20A3+" + VKEY.rpartition("+")[2],
        VKEY + "\n",
        " " + VKEY,
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # a signature type that is not assigned
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAA==",  # 33 bytes
    ],
)
def test_what_is_not_exactly_an_ed25519_verifier_key_is_refused(text):
    with pytest.raises(Malformed):
        VerifierKey.parse(text)


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a\u2003b", "a\u00a0b", "a\u0085b", "a+b", "a\nb", "a\x00b", "\ud800", chr(0xDFFF)]
)
def test_what_cannot_name_a_key_is_refused(name):
    """C2SP signed-note: key names are non-empty, without Unicode spaces or plus."""
    with pytest.raises(Malformed):
        VerifierKey(name=name, public_key=bytes(32))
    with pytest.raises(Malformed):
        Signature(name=name, key_id=1, signature=b"a")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_public_key_of_another_length_is_refused(length):
    with pytest.raises(Malformed):
        VerifierKey(name="a", public_key=bytes(length))


@pytest.mark.parametrize(("key_id", "signature"), [(-1, b"a"), (2**32, b"a"), (1, b"")])
def test_what_cannot_be_a_signature_line_is_refused(key_id, signature):
    with pytest.raises(Malformed):
        Signature(name="a", key_id=key_id, signature=signature)


@given(st.binary(max_size=40))
def test_base64_gives_back_its_bytes(raw):
    import base64

    assert decode_base64(base64.b64encode(raw).decode()) == raw


@pytest.mark.parametrize(
    "text", ["YQ", "YQ=", "YQ===", "YR==", "YQ==\n", " YQ==", "YQ==YQ==", "_w==", "\u00e9A==", "A", "="]
)
def test_base64_with_anything_lenient_is_refused(text):
    """evidence-format.md section 1: standard alphabet, padded, unused bits zero."""
    with pytest.raises(Malformed):
        decode_base64(text)
