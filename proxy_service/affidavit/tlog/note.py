"""Text with signatures under it, so that it can be believed wherever it lies.

Source: C2SP signed-note, with Ed25519 signatures (type 0x01).
Never holds a private key: whoever signs hands in a function.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from affidavit.errors import Malformed, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_NOTE_BYTES = 1_000_000  # C2SP asks for some bound; the reference implementation has this one
MAX_SIGNATURES = 100  # lines; C2SP: at least 16 must be accepted
PUBLIC_KEY_SIZE = 32  # bytes, RFC 8032

_ED25519 = b"\x01"  # C2SP signed-note, signature types
_KEY_ID_SIZE = 4  # bytes, big-endian
_LINE_START = "\u2014 "  # em dash, space
_SEPARATOR = "\n\n"  # the last empty line parts text from signatures


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """Whom to believe: an Ed25519 public key under a name.

    Attributes:
        name: Not empty, without Unicode spaces, plus signs or control characters.
        public_key: 32 raw bytes.
    """

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if len(self.public_key) != PUBLIC_KEY_SIZE:
            raise Malformed("an Ed25519 public key has 32 bytes", code="bad_public_key")

    @property
    def key_id(self) -> int:
        """The 32-bit number that stands before this key's signatures."""
        digest = sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()
        return int.from_bytes(digest[:_KEY_ID_SIZE], "big")

    def __str__(self) -> str:
        """The text that is handed to auditors: `<name>+<key id, 8 hex digits>+<base64>`."""
        return f"{self.name}+{self.key_id:08x}+{_encode_base64(_ED25519 + self.public_key)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read the text form.

        Raises:
            Malformed: It is not exactly what this class would print, the key id included.
        """
        name, _, rest = text.partition("+")
        key_text = rest.partition("+")[2]
        key = cls(name=name, public_key=decode_base64(key_text)[1:])
        if str(key) != text:
            raise Malformed("a verifier key reads name+id+base64 of 0x01 and the key", code="bad_verifier_key")
        return key

    def holds(self, text: str, signature: bytes) -> bool:
        """Say whether `signature` (64 bytes) is this key's over `text`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line, of whatever type.

    Attributes:
        name: The key's name.
        key_id: 32 bits.
        signature: What follows the key id: at least one byte, 64 for Ed25519.
    """

    name: str
    key_id: int
    signature: bytes

    def __post_init__(self) -> None:
        check_key_name(self.name)
        if not self.signature or not 0 <= self.key_id < 1 << 8 * _KEY_ID_SIZE:
            raise Malformed("a signature is a 32-bit key id and at least one byte", code="bad_signature_line")

    def __str__(self) -> str:
        """The line without its newline."""
        blob = self.key_id.to_bytes(_KEY_ID_SIZE, "big") + self.signature
        return f"{_LINE_START}{self.name} {_encode_base64(blob)}"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Read one line without its newline; raises `Malformed`."""
        name, _, encoded = line.removeprefix(_LINE_START).partition(" ")
        blob = decode_base64(encoded)
        one = cls(name=name, key_id=int.from_bytes(blob[:_KEY_ID_SIZE], "big"), signature=blob[_KEY_ID_SIZE:])
        if str(one) != line:
            raise Malformed("a signature line reads em dash, name, base64", code="bad_signature_line")
        return one


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text and the signatures under it, none of which was checked yet: `verify` does.

    Attributes:
        unverified_text: Ends in a newline, which is signed too.
        signatures: In the order of their lines, at least one.
    """

    unverified_text: str
    signatures: tuple[Signature, ...]

    def __post_init__(self) -> None:
        _check_text(self.unverified_text)
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise Malformed(f"a note has 1 to {MAX_SIGNATURES} signatures", code="bad_signature_count")
        if len(self.encode()) > MAX_NOTE_BYTES:
            raise Malformed(f"a note has at most {MAX_NOTE_BYTES} bytes", code="note_too_long")

    def encode(self) -> bytes:
        """Return the bytes that are stored."""
        lines = "".join(f"{one}\n" for one in self.signatures)
        return f"{self.unverified_text}\n{lines}".encode()

    @classmethod
    def parse(cls, raw: bytes) -> Note:
        """Read stored bytes, checking no signature.

        Raises:
            Malformed: They are not exactly what `encode` would give, or beyond the bounds above.
        """
        if len(raw) > MAX_NOTE_BYTES:
            raise Malformed(f"a note has at most {MAX_NOTE_BYTES} bytes", code="note_too_long")
        text, separator, lines = _decode_utf8(raw).rpartition(_SEPARATOR)
        if not separator or not lines.endswith("\n"):
            raise Malformed("a note is text, an empty line, and signature lines", code="bad_note")
        if lines.count("\n") > MAX_SIGNATURES:
            raise Malformed(f"a note has 1 to {MAX_SIGNATURES} signatures", code="bad_signature_count")
        signatures = tuple(Signature.parse(line) for line in lines[:-1].split("\n"))
        return cls(unverified_text=text + "\n", signatures=signatures)


def verify(note: Note, keys: Iterable[VerifierKey]) -> str:
    """Return the note's text, now believed.

    Args:
        note: As read.
        keys: Whom to believe; several while a key is rotated. Lines of anybody else are ignored, as C2SP demands.

    Raises:
        VerificationFailed: No line is by any of `keys`, or a line that claims to be by one of them is not.
    """
    known = {(key.name, key.key_id): key for key in keys}
    claimed = [(known[one.name, one.key_id], one) for one in note.signatures if (one.name, one.key_id) in known]
    for key, one in claimed:
        if not key.holds(note.unverified_text, one.signature):
            raise VerificationFailed(f"the signature by {key} does not match the text above it")
    if not claimed:
        raise VerificationFailed("the note carries no signature by a key that was given")
    return note.unverified_text


def sign(text: str, key: VerifierKey, signer: Callable[[bytes], bytes]) -> Note:
    """Return a note of `text` with one signature.

    Args:
        text: Ends in a newline.
        key: The public half of the signing key, which names and checks the signature.
        signer: Gives the 64-byte Ed25519 signature over the bytes that it is handed.

    Raises:
        Malformed: `text` cannot be signed.
        VerificationFailed: `signer` signs with another key; what it made is not handed out.
    """
    _check_text(text)
    signature = signer(text.encode())
    if not key.holds(text, signature):
        raise VerificationFailed(f"the signer does not sign for {key}")
    return Note(unverified_text=text, signatures=(Signature(name=key.name, key_id=key.key_id, signature=signature),))


def check_key_name(name: str) -> None:
    """Refuse what cannot name a key in a signature line; raises `Malformed`."""
    if not name or any(char.isspace() or char == "+" or char < " " for char in name):
        raise Malformed("a key name is not empty and has no space, plus sign or control character", code="bad_key_name")
    _check_unicode(name)


def decode_base64(text: str) -> bytes:
    """Decode strictly: standard alphabet, padded, unused bits zero; raises `Malformed`."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("this is not base64", code="bad_base64") from error
    if _encode_base64(raw) != text:  # the decoder lets surplus bits and padding pass
        raise Malformed("this is not canonical base64", code="bad_base64")
    return raw


def _encode_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decode_utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("a note is UTF-8", code="bad_utf8") from error


def _check_unicode(text: str) -> None:
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise Malformed("a lone surrogate has no UTF-8 form", code="bad_utf8")


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise Malformed("a note's text ends in a newline", code="bad_note")
    if any(char < " " and char != "\n" for char in text):
        raise Malformed("a note has no control character but newline", code="control_character")
    _check_unicode(text)
