"""Logs that `affidavit.tlog` makes, checked by Tessera's fsck: C2SP tlog-tiles as another project reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit.tlog.checkpoint import Checkpoint
from affidavit.tlog.note import Note, Signature, VerifierKey, sign
from fakes.stored_log import stored_log
from interop.tessera_fsck import fsck

if TYPE_CHECKING:
    from pathlib import Path

ORIGIN = "gateway.example.com/audit"
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
KEY = VerifierKey(name=ORIGIN, public_key=PRIVATE.public_key().public_bytes_raw())


def checkpoint(size: int) -> Note:
    text = Checkpoint(origin=ORIGIN, size=size, root=stored_log(size).root).text()
    return sign(text, KEY, PRIVATE.sign)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """Folders by size, made once; whoever damages one mends it."""
    folders: dict[int, Path] = {}

    def folder(size: int) -> Path:
        if size not in folders:
            folders[size] = tmp_path_factory.mktemp(f"log{size}")
            stored_log(size).write(folders[size])
            (folders[size] / "checkpoint").write_bytes(checkpoint(size).encode())
        return folders[size]

    return folder


@pytest.mark.parametrize("size", [1, 255, 256, 257, 70_000])
def test_a_log_made_here_is_accepted(folder_of, size):
    result = fsck(folder_of(size), ORIGIN, str(KEY))

    assert result.returncode == 0, result.stderr
    assert f"size {size} " in result.stderr  # it says what it has checked, and what it found
    assert f"({stored_log(size).root.hex()})" in result.stderr


def test_a_log_that_grew_over_its_stale_partial_tiles_is_accepted(tmp_path):
    for size in (200, 300, 1000):
        stored_log(size).write(tmp_path)
    (tmp_path / "checkpoint").write_bytes(checkpoint(1000).encode())

    assert fsck(tmp_path, ORIGIN, str(KEY)).returncode == 0


def test_a_witness_line_under_the_checkpoint_is_ignored(tmp_path):
    """evidence-format.md section 7: witnesses' lines may follow."""
    stored_log(257).write(tmp_path)
    note = checkpoint(257)
    witness = Signature(name="witness.example.com/w1", key_id=7, signature=b"\x04" * 72)
    cosigned = Note(unverified_text=note.unverified_text, signatures=(*note.signatures, witness))
    (tmp_path / "checkpoint").write_bytes(cosigned.encode())

    assert fsck(tmp_path, ORIGIN, str(KEY)).returncode == 0


@pytest.mark.parametrize(
    ("size", "path"),
    [
        (1, "tile/0/000.p/1"),
        (1, "tile/entries/000.p/1"),
        (256, "tile/0/000"),
        (256, "tile/1/000.p/1"),
        (257, "tile/entries/000"),
        (257, "checkpoint"),
        (70_000, "tile/0/100"),
        (70_000, "tile/0/273.p/112"),
        (70_000, "tile/1/000"),
        (70_000, "tile/1/001.p/17"),
        (70_000, "tile/2/000.p/1"),
        (70_000, "tile/entries/000"),
        (70_000, "tile/entries/273.p/112"),
    ],
)
@pytest.mark.parametrize("place", ["first", "last"])
def test_one_flipped_byte_is_noticed(folder_of, size, path, place):
    """The check above can fail: it would be worth nothing otherwise."""
    damaged = folder_of(size) / path
    body = damaged.read_bytes()
    at = 0 if place == "first" else len(body) - 3  # behind a note's signature, base64 may have no bit left to flip
    try:
        damaged.write_bytes(body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :])
        assert fsck(folder_of(size), ORIGIN, str(KEY)).returncode != 0
    finally:
        damaged.write_bytes(body)


@pytest.mark.parametrize("path", ["tile/0/000", "tile/entries/001.p/1", "checkpoint"])
def test_a_missing_file_is_noticed(tmp_path, path):
    stored_log(257).write(tmp_path)
    (tmp_path / "checkpoint").write_bytes(checkpoint(257).encode())
    (tmp_path / path).unlink()

    assert fsck(tmp_path, ORIGIN, str(KEY)).returncode != 0


def test_another_key_or_origin_is_not_believed(folder_of):
    other = VerifierKey(name=ORIGIN, public_key=bytes(32))

    assert fsck(folder_of(1), ORIGIN, str(other)).returncode != 0
    assert fsck(folder_of(1), "other.example.com", str(KEY)).returncode != 0
