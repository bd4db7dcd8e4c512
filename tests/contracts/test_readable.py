"""The laws of `audit.verify.readable.Readable`, on folders and on stores."""

from __future__ import annotations

import pytest

from affidavit.audit.verify.buckets import MAX_OBJECT, Bucket
from affidavit.audit.verify.stores import AHEAD, StoreBodies, StoreBucket, store_buckets
from affidavit.errors import Malformed
from fakes.cloud_storage import store_of
from fakes.stores import MemoryStore
from tampering.forge import write_folder

OBJECTS = {
    "commit/00000000000000000000.json": b"zero",
    "commit/00000000000000000007.json": b"seven",
    "segment/20261122T120000Z-0000000000000000/000000000000-x": b"a",
    "segment/20261122T120000Z-0000000000000000/000000000005-x": b"b",
    "segment/20261122T120000Z-0000000000000001/000000000000-x": b"c",
    "segment/20261122T120000Z": b"a file beside the folders whose names go on",
    "segment/odd": b"d",
    "writer/w.json": b"e",
}


def bucket_of(kind: str, objects: dict[str, bytes], request) -> Bucket | StoreBucket:
    if kind == "folder":
        return Bucket("evidence", str(write_folder(objects, request.getfixturevalue("tmp_path"))))
    store = MemoryStore() if kind == "memory" else store_of(kind, request)
    store.create(objects)
    return StoreBucket("evidence", store)


@pytest.fixture(params=["folder", "memory", "strict", "fake-gcs"])
def bucket(request):
    return bucket_of(request.param, OBJECTS, request)


def test_what_is_there_is_read_whole_and_nothing_else(bucket):
    """Law 1."""
    assert {name: bucket.read(name) for name in OBJECTS} == OBJECTS
    assert bucket.read("commit/00000000000000000003.json") is None
    assert bucket.object("commit/x") == "evidence/commit/x"


@pytest.mark.parametrize(
    ("folder", "start", "expected"),
    [
        ("", "", [*OBJECTS]),
        ("commit/", "", ["commit/00000000000000000000.json", "commit/00000000000000000007.json"]),
        ("commit/", "commit/00000000000000000001", ["commit/00000000000000000007.json"]),
        ("commit/", "commit/00000000000000000008", []),
        (
            "segment/20261122T120000Z-0000000000000000/",
            "segment/20261122T120000Z-0000000000000000/000000000005",
            ["segment/20261122T120000Z-0000000000000000/000000000005-x"],
        ),
        ("nothing/", "", []),
    ],
)
def test_names_begin_where_they_are_asked_to(bucket, folder, start, expected):
    """Law 2."""
    assert sorted(bucket.names(folder, start)) == sorted(expected)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("", {("commit", True), ("segment", True), ("writer", True)}),
        (
            "segment/",
            {
                ("20261122T120000Z", False),
                ("20261122T120000Z-0000000000000000", True),
                ("20261122T120000Z-0000000000000001", True),
                ("odd", False),
            },
        ),
        ("nothing/", set()),
    ],
)
def test_members_are_told_each_once(bucket, folder, expected):
    """Law 3."""
    members = list(bucket.members(folder))

    assert set(members) == expected
    assert len(members) == len(expected)


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_what_is_longer_than_any_object_is_none(kind, request):
    """Law 4."""
    bucket = bucket_of(kind, {"a": bytes(MAX_OBJECT + 1), "b": bytes(MAX_OBJECT)}, request)

    assert len(bucket.read("b")) == MAX_OBJECT
    with pytest.raises(Malformed, match="64 MiB"):
        bucket.read("a")


class Counting(MemoryStore):
    def __init__(self, objects) -> None:
        super().__init__()
        self.objects, self.reads, self.lists = dict(objects), [], 0

    def read(self, name):
        self.reads.append(name)
        return super().read(name)

    def names(self, prefix, start=""):
        self.lists += 1
        return super().names(prefix, start)


def test_commits_are_fetched_ahead_and_each_once():
    """`stores`: one listing for many, and none of what is not the next."""
    commits = {f"commit/{at:020d}.json": b"%d" % at for at in range(3 * AHEAD)}
    store = Counting(commits)
    bucket = StoreBucket("evidence", store)

    assert [bucket.read(name) for name in commits] == list(commits.values())
    assert sorted(store.reads) == sorted(commits)
    assert store.lists == 3
    assert bucket.read(f"commit/{3 * AHEAD:020d}.json") is None
    del store.objects["commit/00000000000000000005.json"]
    store.reads.clear()
    assert StoreBucket("evidence", store).read("commit/00000000000000000005.json") is None
    assert store.reads == [], "what comes after a commit that is missing is not asked for"


def test_body_buckets_are_those_that_were_named():
    buckets = store_buckets(MemoryStore(), {"standard": MemoryStore(), "No Class": MemoryStore()}, None)

    assert list(buckets.bodies.classes()) == ["standard"]
    assert buckets.bodies.given
    assert buckets.log is None
    assert buckets.form() is None
    assert list(buckets.bodies.strange()) == []
    nobody = buckets.bodies.of("payroll")
    assert (nobody.object("x"), nobody.read("x"), list(nobody.names(""))) == ("bodies/payroll/x", None, [])
    assert not StoreBodies({}).given
