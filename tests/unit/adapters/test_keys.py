"""Key files: made once, kept private, never replaced."""

from __future__ import annotations

import multiprocessing
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from affidavit.adapters.embedded.directory import Scratch
from affidavit.adapters.embedded.keys import KeyFiles
from affidavit.errors import Misconfigured, Unavailable
from affidavit.tlog.note import VerifierKey
from fakes.disks import FaultyDisk

ORIGIN = "gateway.example.com/audit"


def open_keys(root, disk=None):
    (root / "tmp").mkdir(exist_ok=True)
    disk = disk or FaultyDisk()
    return KeyFiles(root, scratch=Scratch(root / "tmp", disk), disk=disk)


@pytest.fixture
def keys(tmp_path):
    return open_keys(tmp_path)


def test_a_key_is_made_once_and_is_the_same_ever_after(tmp_path, keys):
    first = keys.signer(ORIGIN)
    again = open_keys(tmp_path).signer(ORIGIN)

    assert first.verifier_key == again.verifier_key
    assert keys.mask_key() == open_keys(tmp_path).mask_key()
    assert len(keys.mask_key()) == 32


def test_what_is_signed_verifies_under_the_published_key(tmp_path, keys):
    signer = keys.signer(ORIGIN)
    published = VerifierKey.parse((tmp_path / "log.vkey").read_text().strip())

    assert published == signer.verifier_key
    assert published.holds("text\n", signer.sign(b"text\n"))


def test_secret_keys_are_private_and_the_public_one_is_not(tmp_path, keys):
    keys.signer(ORIGIN)
    keys.mask_key()

    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("log.key", "mask.key", "log.vkey")}
    assert modes == {"log.key": 0o600, "mask.key": 0o600, "log.vkey": 0o644}
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("name", ["log.key", "mask.key"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_can_use_is_refused_with_the_mend(tmp_path, keys, name, mode):
    keys.signer(ORIGIN)
    keys.mask_key()
    (tmp_path / name).chmod(mode)

    with pytest.raises(Misconfigured, match="chmod 600"):
        keys.signer(ORIGIN) if name == "log.key" else keys.mask_key()


def test_another_origin_is_refused(keys):
    keys.signer(ORIGIN)

    with pytest.raises(Misconfigured, match="for ever"):
        keys.signer("gateway.example.com/other")


def test_another_key_under_the_published_one_is_refused(tmp_path, keys):
    keys.signer(ORIGIN)
    (tmp_path / "log.key").unlink()

    with pytest.raises(Misconfigured, match=r"bring log\.key back"):
        keys.signer(ORIGIN)
    assert not (tmp_path / "log.key").exists(), "another one would be taken for it"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ],
    ids=["empty", "garbage", "another kind"],
)
def test_what_is_no_key_is_refused_and_left(tmp_path, keys, content):
    (tmp_path / "log.key").write_bytes(content)
    (tmp_path / "log.key").chmod(0o600)

    with pytest.raises(Misconfigured, match="backup") as refused:
        keys.signer(ORIGIN)
    assert (tmp_path / "log.key").read_bytes() == content
    assert "garbage" not in str(refused.value)


def test_a_short_mask_key_is_refused(tmp_path, keys):
    (tmp_path / "mask.key").write_bytes(b"x" * 31)
    (tmp_path / "mask.key").chmod(0o600)

    with pytest.raises(Misconfigured, match="32 bytes"):
        keys.mask_key()


@pytest.mark.parametrize("done", [False, True])
def test_at_every_fault_there_is_no_key_or_the_one_that_stays(tmp_path, done):
    for number in range(1, 12):
        root = tmp_path / str(number)
        root.mkdir()
        disk = FaultyDisk()
        keys = open_keys(root, disk)
        disk.fail_at(number, done=done)
        try:
            first = keys.signer(ORIGIN).verifier_key
        except Unavailable:
            first = None
        disk.mend()
        second = keys.signer(ORIGIN).verifier_key
        assert first in {None, second}
        assert open_keys(root).signer(ORIGIN).verifier_key == second


def _race(root, start, made):
    keys = open_keys(root)
    start.wait()
    made.put((str(keys.signer(ORIGIN).verifier_key), keys.mask_key()))


def test_of_many_who_make_a_key_all_have_the_same(tmp_path):
    context = multiprocessing.get_context("fork")
    start, made = context.Barrier(4), context.SimpleQueue()
    racers = [context.Process(target=_race, args=(tmp_path, start, made)) for _ in range(4)]
    for racer in racers:
        racer.start()
    keys = {made.get() for _ in racers}
    for racer in racers:
        racer.join()

    assert len(keys) == 1
