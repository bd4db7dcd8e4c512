"""Reading a copy, whatever somebody may have put there.

Source: evidence-format section 1 (64 MiB), section 9 (exit status 3).
"""

from __future__ import annotations

import errno
import os

import pytest

from affidavit.audit.verify.buckets import MAX_OBJECT, BodyBuckets, Bucket, read_file
from affidavit.audit.verify.walk import Walk
from affidavit.errors import Malformed, Unavailable
from tampering.forge import write_folder
from tampering.story import Story


def test_a_file_is_read_whole_and_an_absent_one_is_none(tmp_path):
    for size in (0, 1, 3 * 1024 * 1024 + 5):
        (tmp_path / "file").write_bytes(b"x" * size)
        assert read_file(str(tmp_path / "file")) == b"x" * size
    assert read_file(str(tmp_path / "other")) is None
    assert read_file(str(tmp_path / "file" / "inside")) is None
    assert read_file(str(tmp_path / ("x" * 5000))) is None


def test_what_is_longer_than_any_object_is_not_read_to_its_end(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        file.truncate(MAX_OBJECT + 1)

    with pytest.raises(Malformed, match="longer than 64 MiB"):
        read_file(str(tmp_path / "file"))


def test_a_disk_that_fails_while_it_is_read_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"x")

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "read", fail)

    with pytest.raises(Unavailable, match="cannot be read: Input/output error"):
        read_file(str(tmp_path / "file"))


def test_names_are_listed_with_their_folders(tmp_path):
    for name in ("a", "b/c", "b/d/e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    bucket = Bucket("evidence", str(tmp_path))

    assert sorted(bucket.names()) == ["a", "b/c", "b/d/e"]
    assert sorted(bucket.names("b/")) == ["b/c", "b/d/e"]
    assert list(bucket.names("absent/")) == []
    assert sorted(bucket.members("b/")) == [("c", False), ("d", True)]


def test_classes_are_found_in_every_root_and_one_by_one(tmp_path):
    for name in ("one/standard", "one/payroll", "two/health", "three", "one/Not_a_class"):
        (tmp_path / name).mkdir(parents=True)
    buckets = BodyBuckets([f"{tmp_path}/one", f"{tmp_path}/two"], {"payroll": f"{tmp_path}/three"})

    assert sorted(buckets.classes()) == ["health", "payroll", "standard"]
    assert list(buckets.strange()) == ["bodies/Not_a_class"]
    assert buckets.of("payroll").folder == f"{tmp_path}/three"
    assert buckets.of("health").folder == f"{tmp_path}/two/health"
    assert buckets.of("never_seen").read("x") is None
    assert buckets.of("standard").label == "bodies/standard"


def test_commits_that_landed_meanwhile_are_counted(tmp_path):
    folder = write_folder(Story().write(), tmp_path)
    bucket = Bucket("evidence", f"{folder}/evidence")

    assert Walk(bucket, end=30).landed() == 287
    assert Walk(bucket, end=287).landed() == 287
