"""AUDITORS.md is true: its worked example proves itself, to the product and to a reader that shares no code with it."""

import base64
import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fakes.auditor import audit
from worked_example import written

PAGE = (Path(__file__).parent.parent / "AUDITORS.md").read_text(encoding="utf-8")
OBJECTS, KEY = written(PAGE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, stored in OBJECTS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(stored)
    (tmp_path / "log.vkey").write_text(f"{KEY}\n", encoding="ascii")
    return tmp_path


def verify(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("affidavit")
    return subprocess.run([program, "verify", folder, "--as-of", "commit"], capture_output=True, text=True, check=False)


def test_the_product_verifies_the_example_of_the_page(folder: Path):
    done = verify(folder)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_the_example_with_one_byte_flipped_does_not_verify(folder: Path, name: str):
    changed = bytearray(OBJECTS[name])
    changed[len(changed) // 2] ^= 1
    (folder / name).write_bytes(changed)

    done = verify(folder)

    assert done.returncode == 1, done.stdout + done.stderr
    assert name in done.stdout


def test_a_reader_that_shares_no_code_agrees():
    def part(prefix: str) -> dict[str, bytes]:
        return {name.removeprefix(prefix): stored for name, stored in OBJECTS.items() if name.startswith(prefix)}

    found = audit(part("evidence/"), part("log/"), part("bodies/"), KEY)

    assert found.kinds()[-3:] == ["writer:opened", "policy:loaded", "writer:closed"]


def test_the_example_can_be_checked_with_hashes_and_one_signature():
    """evidence-format sections 3, 4 and 6, by hand."""
    (registration,) = (stored for name, stored in OBJECTS.items() if name.startswith("evidence/writer/"))
    (segment,) = (stored for name, stored in OBJECTS.items() if name.startswith("evidence/segment/"))
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(json.loads(registration)["public_key"]))
    header, *records, signature = gzip.decompress(segment).splitlines()
    signed = b"".join(line + b"\n" for line in (header, *records))

    key.verify(
        base64.b64decode(json.loads(signature)["signature"]), b"affidavit-segment/1\n" + hashlib.sha256(signed).digest()
    )
    previous = hashlib.sha256(registration).hexdigest()
    for line in records:
        assert json.loads(line)["prev"] == previous
        previous = hashlib.sha256(line).hexdigest()


def test_the_commands_of_the_page_check_the_example(folder: Path):
    """The second block of commands, as it stands."""
    commands = PAGE.split("```sh\n")[2].split("```")[0]

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=folder, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    verified, hashed, prev, stored = done.stdout.splitlines()
    assert "Verified Successfully" in verified
    assert hashed.split()[0] == prev
    assert any(f"-{stored}.ndjson.gz" in name for name in OBJECTS)
