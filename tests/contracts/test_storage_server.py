"""The laws of the strict server, as Google's own client sees them: what no emulator refuses is refused as it is there.

Source: Cloud Storage JSON API v1; google-cloud "Cloud Storage". With AFFIDAVIT_TEST_PROJECT the retention is also
asked for on a real bucket.
"""

from __future__ import annotations

import json
import os
import urllib.request
import uuid

import pytest
from google.api_core.exceptions import BadRequest, Conflict, Forbidden, NotFound, PreconditionFailed, TooManyRequests

from affidavit.adapters.gcp.storage import open_client
from fakes.process import running
from fakes.real_project import told, with_project

DAY = 24 * 3600  # seconds


@pytest.fixture
def bucket(strict):
    return strict.client.bucket("evidence")


def put(bucket, name, data, **more):
    blob = bucket.blob(name)
    blob.upload_from_string(data, retry=None, **more)
    return blob


def reason(refused):
    return refused.value.response.json()["error"]["errors"][0]["reason"]


def locked_bucket(kind, request):
    if kind == "project":
        return open_client(told("PROJECT"), os.environ).bucket(told("EVIDENCE_BUCKET"))
    strict = request.getfixturevalue("strict")
    strict.server.make_bucket("locked", retention_s=DAY, locked=True)
    return strict.client.bucket("locked")


@pytest.mark.parametrize("kind", with_project("strict", needs="EVIDENCE_BUCKET"))
def test_what_is_retained_is_neither_deleted_nor_replaced(request, kind):
    """google-cloud "Cloud Storage": 403 `retentionPolicyNotMet`."""
    bucket, name = locked_bucket(kind, request), f"contracts/{uuid.uuid4()}"
    blob = put(bucket, name, b"one")

    with pytest.raises(Forbidden, match="retention policy") as refused:
        blob.delete(retry=None)
    assert reason(refused) == "retentionPolicyNotMet"
    for precondition in ({}, {"if_generation_match": blob.generation}):
        with pytest.raises(Forbidden, match="retention policy"):
            put(bucket, name, b"two", **precondition)
    with pytest.raises(PreconditionFailed):
        put(bucket, name, b"two", if_generation_match=0)
    assert bucket.blob(name).download_as_bytes() == b"one"


def test_after_its_time_it_is_deleted(strict):
    strict.server.make_bucket("locked", retention_s=DAY, locked=True)
    blob = put(strict.client.bucket("locked"), "a", b"one")
    strict.clock.sleep(DAY)

    blob.delete()

    assert strict.client.bucket("locked").get_blob("a") is None


def test_a_locked_period_only_grows(strict):
    """The client makes, reads, locks and patches the bucket as Terraform does."""
    bucket = strict.client.bucket("new")
    bucket.retention_period = DAY
    bucket.create(location="EUROPE-WEST1")
    bucket.retention_period = 2
    bucket.patch()
    bucket.lock_retention_policy()
    assert bucket.retention_policy_locked

    for period in (1, None):
        bucket.retention_period = period
        with pytest.raises(Forbidden):
            bucket.patch()
    bucket = strict.client.get_bucket("new")
    assert bucket.retention_period == 2
    bucket.retention_period = 3
    bucket.patch()
    assert strict.client.get_bucket("new").retention_period == 3


def test_a_lock_needs_the_metageneration_and_a_policy(strict):
    def lock(**query):
        return strict.client._post_resource("/b/evidence/lockRetentionPolicy", None, query_params=query)

    with pytest.raises(BadRequest, match="ifMetagenerationMatch"):
        lock()
    with pytest.raises(PreconditionFailed):
        lock(ifMetagenerationMatch="7")
    with pytest.raises(BadRequest, match="no retention policy"):
        lock(ifMetagenerationMatch="1")


def test_preconditions_hold_on_every_verb(strict, bucket):
    blob = put(bucket, "a", b"one")
    first = blob.generation
    strict.clock.sleep(1)
    second = put(bucket, "a", b"two").generation
    assert second > first

    refused = [
        lambda: put(bucket, "a", b"three", if_generation_match=first),
        lambda: put(bucket, "b", b"three", if_generation_match=first),
        lambda: put(bucket, "a", bytes(9 * 1024 * 1024), if_generation_match=0),
        lambda: bucket.blob("a").download_as_bytes(if_generation_match=first),
        lambda: bucket.blob("a").reload(if_generation_match=first),
        lambda: bucket.blob("a").reload(if_metageneration_match=2),
        lambda: bucket.blob("a").delete(if_generation_match=first),
        lambda: bucket.blob("a").patch(if_generation_match=first),
        lambda: bucket.blob("a").download_as_bytes(if_generation_not_match=second),
        lambda: strict.client.get_bucket("evidence", if_metageneration_match=9),
    ]
    for act in refused:
        with pytest.raises(PreconditionFailed):
            act()
    assert bucket.blob("a").download_as_bytes(if_generation_match=second) == b"two"
    with pytest.raises(NotFound):
        bucket.blob("a", generation=first).download_as_bytes()


def test_a_name_is_changed_once_a_second(strict, bucket):
    """google-cloud "Cloud Storage": the mutable `checkpoint`."""
    blob = put(bucket, "a", b"one")

    for act in (lambda: put(bucket, "a", b"two"), lambda: blob.delete(retry=None), lambda: blob.patch(retry=None)):
        with pytest.raises(TooManyRequests) as refused:
            act()
        assert reason(refused) == "rateLimitExceeded"
    put(bucket, "b", b"two")
    strict.clock.sleep(1)
    put(bucket, "a", b"two")


@pytest.mark.parametrize("hashes", [{"crc32c": "AAAAAA=="}, {"md5_hash": "AAAAAAAAAAAAAAAAAAAAAA=="}])
def test_what_does_not_fit_its_checksum_is_not_stored(bucket, hashes):
    blob = bucket.blob("a")
    for name, value in hashes.items():
        setattr(blob, name, value)

    with pytest.raises(BadRequest, match="doesn't match"):
        blob.upload_from_string(b"one", checksum=None)
    with pytest.raises(BadRequest, match="doesn't match"):
        bucket.blob("b").upload_from_string(bytes(9 * 1024 * 1024), crc32c_checksum_value="AAAAAA==")
    assert list(bucket.list_blobs()) == []


@pytest.mark.parametrize(
    ("query", "names", "folders"),
    [
        ({}, ["a-b", "a/1", "a/2", "a/b/1", "c", "é"], set()),
        ({"prefix": "a/"}, ["a/1", "a/2", "a/b/1"], set()),
        ({"start_offset": "a/2", "end_offset": "c"}, ["a/2", "a/b/1"], set()),
        ({"delimiter": "/"}, ["a-b", "c", "é"], {"a/"}),
        ({"delimiter": "/", "prefix": "a/"}, ["a/1", "a/2"], {"a/b/"}),
    ],
)
@pytest.mark.parametrize("page_size", [1, 2, 100])
def test_listings_are_in_byte_order_page_by_page(bucket, query, names, folders, page_size):
    for name in reversed(["a-b", "a/1", "a/2", "a/b/1", "c", "é"]):
        put(bucket, name, b"")

    listing = bucket.list_blobs(page_size=page_size, **query)

    assert [blob.name for blob in listing] == names
    assert listing.prefixes == folders


def test_parts_and_properties_of_an_object(bucket):
    blob = bucket.blob("folder/a b+c")
    blob.cache_control = "no-store"
    blob.upload_from_string(b"0123456789", content_type="text/plain")

    found = bucket.get_blob("folder/a b+c")
    assert (found.size, found.content_type, found.cache_control) == (10, "text/plain", "no-store")
    assert found.download_as_bytes(start=2, end=4) == b"234"
    assert bucket.get_blob("none") is None
    assert bucket.client.lookup_bucket("none") is None


def test_what_may_not_be_done_is_said_as_there(strict, bucket):
    put(bucket, "a", b"one")
    strict.server.allow("evidence", "storage.objects.create")

    with pytest.raises(Forbidden, match=r"storage\.objects\.get access"):
        bucket.blob("a").download_as_bytes()
    with pytest.raises(Forbidden, match=r"storage\.objects\.list access"):
        list(bucket.list_blobs())
    strict.clock.sleep(1)
    with pytest.raises(Forbidden, match=r"storage\.objects\.delete access"):
        put(bucket, "a", b"two")
    assert bucket.test_iam_permissions(["storage.objects.create", "storage.objects.get"]) == ["storage.objects.create"]
    strict.server.allow("evidence", "storage.objects.get")
    with pytest.raises(Forbidden, match=r"storage\.objects\.list access"):
        bucket.blob("none").download_as_bytes()


def test_a_bucket_is_made_once_and_removed_when_it_is_empty(strict, bucket):
    with pytest.raises(Conflict):
        strict.client.create_bucket("evidence")
    blob = put(bucket, "a", b"one")
    with pytest.raises(Conflict):
        bucket.delete()
    strict.clock.sleep(1)
    blob.delete()
    bucket.delete()
    assert [one.name for one in strict.client.list_buckets(project="p")] == ["log"]


def test_it_tells_what_it_has_answered_and_does_not_count_who_asks(strict, bucket):
    """Source: fakes/storage_server/tally.py; what is billed is told by operation and status."""
    put(bucket, "a", b"one")
    with pytest.raises(PreconditionFailed):
        put(bucket, "a", b"two", if_generation_match=0)
    for _ in range(2):
        with urllib.request.urlopen(f"{strict.server.url}/_internal/requests", timeout=5) as answer:
            told = json.load(answer)
        assert told == [
            {"operation": "objects.insert", "bucket": "evidence", "status": status, "count": 1} for status in (200, 412)
        ]


def test_it_runs_as_a_process_and_keeps_its_folder(tmp_path):
    for turn in range(2):
        with running("fakes.storage_server", "--folder", str(tmp_path)) as port:
            client = open_client(None, {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"})
            if turn == 0:
                put(client.create_bucket("b"), "a", b"one")
            assert client.bucket("b").blob("a").download_as_bytes() == b"one"
            assert [blob.name for blob in client.list_blobs("b")] == ["a"]
    assert json.loads((tmp_path / "b.json").read_text())["name"] == "b"
