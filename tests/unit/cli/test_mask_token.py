"""`affidavit mask-token`: was this value in there?

Source: evidence-format section 5, `masks`.
"""

from __future__ import annotations

import io
import sys

import pytest

from affidavit.cli import main
from affidavit.evidence.fingerprints import derive
from affidavit.masking.tokens import PURPOSE, Tokens

SECRET = bytes(range(32))


def run(monkeypatch, *arguments: str, value: bytes) -> int:
    monkeypatch.setattr(sys, "argv", ["affidavit", "mask-token", *arguments])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(value)))
    return main()


@pytest.mark.parametrize("value", [b"swordfish", b"swordfish\n", b"swordfish\r\n"])
def test_the_token_is_the_one_that_is_recorded(monkeypatch, capsys, tmp_path, value):
    (tmp_path / "mask.key").write_bytes(SECRET)

    assert run(monkeypatch, "--data", str(tmp_path), "--rule", "passwords", value=value) == 0

    assert capsys.readouterr().out.strip() == Tokens(derive(SECRET, PURPOSE)).recorded("passwords", "swordfish")


@pytest.mark.parametrize(("rule", "value"), [("passwords", b""), ("passwords", b"\n"), ("No Rule", b"x")])
def test_what_is_no_question_is_refused(monkeypatch, capsys, tmp_path, rule, value):
    (tmp_path / "mask.key").write_bytes(SECRET)

    assert run(monkeypatch, "--data", str(tmp_path), "--rule", rule, value=value) == 2
    assert capsys.readouterr().out == ""


def test_a_folder_without_a_key_is_left_without_one(monkeypatch, capsys, tmp_path):
    assert run(monkeypatch, "--data", str(tmp_path), "--rule", "passwords", value=b"x") == 2
    assert list(tmp_path.iterdir()) == []
    assert "mask.key cannot be read" in capsys.readouterr().err
