"""Key files of a data folder: made once, never replaced, refused when others could have read them.

Never prints a key, and never goes on with a key that it could not keep.

Source: architecture "Ports" (`Signer`, embedded); evidence-format sections 1 (masks) and 7 (the log's signature).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from affidavit.adapters.embedded.directory import Scratch, read_file
from affidavit.adapters.embedded.disk import PRIVATE, Disk, mend
from affidavit.errors import Misconfigured, Unavailable
from affidavit.tlog.note import VerifierKey

MASK_KEY_BYTES = 32
_READABLE = 0o644
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

Randomness = Callable[[int], bytes]


class KeyFiles:
    """The keys of one data folder."""

    def __init__(self, folder: Path, *, scratch: Scratch, disk: Disk, random: Randomness = os.urandom) -> None:
        self._folder = folder
        self._scratch = scratch
        self._disk = disk
        self._random = random

    def signer(self, origin: str) -> KeyFileSigner:
        """Return the log's signer, its key made at the first call; `log.vkey` is its public half.

        Raises:
            Misconfigured: The key is no key, can be read by others, or is gone; or `log.vkey` is of another one, or of
                another origin.
            Unavailable: The disk does not take or give it.
        """
        if read_file(str(self._folder / "log.key")) is None and read_file(str(self._folder / "log.vkey")) is not None:
            raise Misconfigured("log.key is gone, and log.vkey is of it: bring log.key back from a backup")
        key = _load_log_key(self._secret("log.key", self._new_log_key()))
        verifier_key = VerifierKey(name=origin, public_key=key.public_key().public_bytes_raw())
        published = self._once("log.vkey", f"{verifier_key}\n".encode(), _READABLE)
        if published != f"{verifier_key}\n".encode():
            raise Misconfigured("log.vkey is of another key or origin than this log's: a log keeps both for ever")
        return KeyFileSigner(key, verifier_key)

    def mask_key(self) -> bytes:
        """Return the deployment's secret for HMACs, 32 bytes, made at the first call; raises as `signer`."""
        key = self._secret("mask.key", self._random(MASK_KEY_BYTES))
        if len(key) != MASK_KEY_BYTES:
            raise Misconfigured("mask.key has not 32 bytes: bring back the right one from a backup")
        return key

    def _new_log_key(self) -> bytes:
        key = Ed25519PrivateKey.from_private_bytes(self._random(32))
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def _secret(self, name: str, fresh: bytes) -> bytes:
        secret = self._once(name, fresh, PRIVATE)
        mode = (self._folder / name).stat().st_mode
        if mode & _OTHERS:
            raise Misconfigured(
                f"{name} can be used by others (mode {stat.S_IMODE(mode):04o}): `chmod 600` it if nobody else has been "
                "on this machine; otherwise treat it as known to them"
            )
        return secret

    def _once(self, name: str, fresh: bytes, mode: int) -> bytes:
        """Return a file's bytes, which are `fresh` if there was none: the first of several who try wins."""
        path = str(self._folder / name)
        known = read_file(path)
        if known is not None:
            return known
        try:
            (temporary,) = self._scratch.write([fresh], mode=mode)
            try:
                self._disk.link(temporary, path)
            except FileExistsError:
                pass
            finally:
                self._scratch.remove([temporary])
            self._disk.sync_folder(str(self._folder))
        except OSError as error:
            raise Unavailable(f"{name} could not be made: {mend(error)}") from error
        return read_file(path) or b""


class KeyFileSigner:
    """A `Signer` over a key in a file."""

    def __init__(self, key: Ed25519PrivateKey, verifier_key: VerifierKey) -> None:
        self._key = key
        self._verifier_key = verifier_key

    @property
    def verifier_key(self) -> VerifierKey:
        """The public half, under the log's origin."""
        return self._verifier_key

    def sign(self, text: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature over a note's text."""
        return self._key.sign(text)


def _load_log_key(pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise Misconfigured("log.key is no key: bring back the right one from a backup") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Misconfigured("log.key is not an Ed25519 key: bring back the right one from a backup")
    return key
