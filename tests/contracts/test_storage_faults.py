"""What Cloud Storage may do wrong, once and for good, at every write and read of the adapters."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import RefreshError, TransportError

from affidavit.adapters.gcp.bucket import DEADLINE_S, MAX_OBJECT, PAGE
from affidavit.adapters.gcp.storage import CloudStorageHead, CloudStorageStore, open_client
from affidavit.errors import Conflict, Malformed, Misconfigured, OutcomeUnknown, Unavailable
from fakes.storage_server import Fault, StorageServer

FAULTS = {
    "error": Fault("error"),
    "error, but stored": Fault("error", persisted=True),
    "cut": Fault("cut"),
    "cut, but stored": Fault("cut", persisted=True),
    "too many requests": Fault("error", status=429),
}
ALL = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
SILENT_S = 1.0  # that a test waits for a server that says nothing
LARGE = b"0123456789abcdef" * (9 * 1024 * 1024 // 16)  # more than the client sends in one request


@ALL
def test_a_create_outlasts_a_fault_and_says_taken_where_its_answer_was_lost(strict, fault):
    """google-cloud "Cloud Storage": a lost answer shows as 412 on our own bytes."""
    strict.server.fail(fault, operation="objects.insert", name="segment/a")

    taken = strict.store.create({"segment/a": b"one", "segment/b": b"two"})

    assert taken == ({"segment/a"} if fault.persisted else set())
    assert (strict.store.read("segment/a"), strict.store.read("segment/b")) == (b"one", b"two")


@ALL
@pytest.mark.parametrize("operation", ["objects.insert", "objects.insert/upload"])
def test_a_large_create_outlasts_a_fault_of_either_request(strict, fault, operation):
    strict.server.fail(fault, operation=operation)

    taken = strict.store.create({"segment/a": LARGE})

    assert bool(taken) == (fault.persisted and operation == "objects.insert/upload")
    assert strict.store.read("segment/a") == LARGE


@pytest.mark.parametrize(("body", "operation"), [(b"small", "objects.insert"), (LARGE, "objects.insert/upload")])
def test_what_is_garbled_on_its_way_is_refused_and_sent_again(strict, body, operation):
    """google-cloud "Cloud Storage": upload with the checksum in the metadata."""
    strict.server.fail(Fault("garbled"), times=2, operation=operation)

    assert strict.store.create({"a": body}) == set()
    assert strict.store.read("a") == body
    assert [seen.operation for seen in strict.server.requests].count(operation) == 3


@ALL
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_swap_outlasts_a_fault(strict, fault, old):
    """audit/ports.py, law 1: its own lost answer is no conflict."""
    if old is not None:
        strict.heads.swap(None, old)
    strict.server.fail(fault, operation="objects.insert")

    strict.heads.swap(old, b"new")

    assert strict.heads.head() == b"new"


@pytest.mark.parametrize("persisted", [False, True])
def test_a_server_that_says_nothing_is_asked_again(strict, persisted):
    impatient = replace(strict.patience, answer_s=SILENT_S)
    store = CloudStorageStore(strict.client, "evidence", patience=impatient)
    heads = CloudStorageHead(strict.client, "log", patience=impatient)

    strict.server.fail(Fault("silence", persisted=persisted), operation="objects.insert")
    assert store.create({"a": b"one"}) == ({"a"} if persisted else set())
    strict.server.fail(Fault("silence", persisted=persisted), operation="objects.insert")
    heads.swap(None, b"new")
    strict.server.fail(Fault("silence"), operation="objects.get")

    assert (store.read("a"), heads.head()) == (b"one", b"new")


@ALL
def test_tiles_outlast_a_fault(strict, fault):
    strict.server.fail(fault, operation="objects.insert", name="tile/0/000")
    tiles = {"tile/0/000": b"0" * 32, "tile/1/000.p/1": b"1" * 32}

    strict.heads.put_tiles(tiles)

    assert {path: strict.heads.tile(path) for path in tiles} == tiles


@ALL
def test_a_removal_outlasts_a_fault(strict, fault):
    strict.heads.put_tiles({"tile/0/000.p/1": b"a", "tile/0/000": b"b"})
    strict.server.fail(fault, operation="objects.delete")

    strict.heads.drop_partials(["tile/0/000"])

    assert strict.heads.tile("tile/0/000.p/1") is None


@pytest.mark.parametrize("operation", ["objects.list", "objects.delete"])
def test_what_cannot_be_removed_is_left(strict, operation):
    strict.heads.put_tiles({"tile/0/000.p/1": b"a", "tile/0/000": b"b"})
    strict.server.fail(Fault(), times=100, operation=operation)

    strict.heads.drop_partials(["tile/0/000"])

    strict.server.mend()
    assert strict.heads.tile("tile/0/000.p/1") == b"a"


@pytest.mark.parametrize("fault", [Fault("error"), Fault("cut"), Fault("garbled")], ids=lambda one: one.how)
def test_a_read_outlasts_a_fault(strict, fault):
    """A checksum that does not fit is one."""
    strict.store.create({"a": b"one"})
    strict.server.fail(fault, operation="objects.get")
    assert strict.store.read("a") == b"one"

    strict.server.fail(replace(fault, how="cut") if fault.how == "garbled" else fault, operation="objects.list")
    assert list(strict.store.names("")) == ["a"]


@pytest.mark.parametrize("fault", [Fault("error"), Fault("cut"), Fault("garbled")], ids=lambda one: one.how)
def test_what_cannot_be_read_is_unavailable_and_not_missing(strict, fault):
    strict.store.create({"a": b"one"})
    strict.server.fail(fault, times=100)

    with pytest.raises(Unavailable):
        strict.store.read("a")
    if fault.how != "garbled":
        with pytest.raises(Unavailable):
            strict.store.holds("a")
        with pytest.raises(Unavailable):
            list(strict.store.names(""))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("error"), OutcomeUnknown),
        (Fault("cut"), OutcomeUnknown),
        (Fault("error", status=429), Unavailable),
        (Fault("error", status=408), Unavailable),
    ],
    ids=["error", "cut", "429", "408"],
)
def test_after_the_deadline_it_says_whether_it_may_be_there(strict, fault, error):
    """evidence/ports.py, law 3; audit/ports.py, law 4."""
    strict.server.fail(fault, times=1000, operation="objects.insert")
    for write in (lambda: strict.store.create({"a": b"one"}), lambda: strict.heads.swap(None, b"one")):
        before = strict.clock()
        with pytest.raises(error):
            write()
        assert 1 < strict.clock() - before <= DEADLINE_S


def test_a_server_that_is_not_there_has_stored_nothing(strict):
    with StorageServer() as gone:
        client = open_client(None, {"STORAGE_EMULATOR_HOST": gone.url})
    store = CloudStorageStore(client, "evidence", patience=strict.patience)

    with pytest.raises(Unavailable):
        store.create({"a": b"one", "b": b"two"})


def test_of_several_objects_those_that_can_be_are_created(strict):
    """evidence/ports.py, law 3: each is there whole or not at all."""
    strict.server.fail(Fault(status=429), times=100, name="b")

    with pytest.raises(Unavailable):
        strict.store.create({"a": b"one", "b": b"two", "c": b"three"})

    strict.server.mend()
    assert [strict.store.read(name) for name in "abc"] == [b"one", None, b"three"]


def test_a_swap_whose_answer_was_lost_and_that_was_overtaken_is_a_conflict(strict):
    """audit/ports.py, law 1."""
    other = strict.heads

    def overtaken(seconds):
        strict.clock.sleep(seconds + 1)
        other.swap(b"ours", b"theirs")

    heads = CloudStorageHead(strict.client, "log", patience=replace(strict.patience, sleep=overtaken))
    strict.server.fail(Fault(persisted=True), operation="objects.insert")

    with pytest.raises(Conflict):
        heads.swap(None, b"ours")
    assert heads.head() == b"theirs"


def test_a_swap_that_lost_to_the_same_bytes_is_a_conflict(strict):
    """audit/ports.py, law 1: exactly one of several succeeds, also where all of them mean the same."""
    strict.heads.swap(None, b"old")
    other = strict.heads

    def overtaken(seconds):
        strict.clock.sleep(seconds + 1)
        other.swap(b"old", b"new")

    heads = CloudStorageHead(strict.client, "log", patience=replace(strict.patience, sleep=overtaken))
    strict.server.fail(Fault(status=429), operation="objects.insert")

    with pytest.raises(Conflict):
        heads.swap(b"old", b"new")


def test_the_checkpoint_waits_for_its_second(strict):
    """google-cloud "Cloud Storage": one write a second of one object name."""
    heads = strict.heads
    heads.swap(None, b"0")
    before = strict.clock()
    for number in range(5):
        heads.swap(b"%d" % number, b"%d" % (number + 1))

    assert heads.head() == b"5"
    assert strict.clock() - before >= 5


def test_an_object_longer_than_any_is_refused_before_it_fills_the_memory(strict):
    """evidence-format section 1: at most 64 MiB."""
    strict.server.buckets.insert("evidence", {"name": "a"}, bytes(MAX_OBJECT + 1), {})

    with pytest.raises(Malformed):
        strict.store.read("a")


def test_a_store_for_small_objects_refuses_others_before_they_fill_the_memory(strict):
    small = CloudStorageStore(strict.client, "evidence", longest=1024)
    strict.store.create({"a": bytes(1024), "b": bytes(1025)})

    assert small.read("a") == bytes(1024)
    with pytest.raises(Malformed):
        small.read("b")


def test_metadata_that_somebody_changed_changes_no_byte(strict):
    """google-cloud "Cloud Storage": metadata can be edited under a locked retention."""
    packed = gzip.compress(b"a record\n")
    strict.store.create({"a": packed})
    blob = strict.client.bucket("evidence").blob("a")
    blob.content_encoding = "gzip"
    strict.clock.sleep(1)
    blob.patch()

    assert strict.store.read("a") == packed


def test_a_listing_goes_on_over_pages_and_faults(strict):
    names = [f"segment/w/{number:012d}-x" for number in range(PAGE + 5)]
    for name in names:
        strict.server.buckets.insert("evidence", {"name": name}, b"", {})
    listing = strict.store.names("segment/w/", names[3])
    first = next(listing)
    strict.server.fail(Fault(), operation="objects.list")

    assert [first, *listing] == names[3:]
    assert [seen.query.get("maxResults") for seen in strict.server.requests] == [str(PAGE)] * 3


@pytest.mark.parametrize("name", ["", "/a", "../a", "..", "a/../b", "a//b", "a/", ".a", "a\0", "a b", "é", "a\n"])
def test_a_name_that_no_object_may_have_is_never_sent(strict, name):
    for use in (
        lambda: strict.store.create({name: b""}),
        lambda: strict.store.read(name),
        lambda: strict.store.holds(name),
    ):
        with pytest.raises(Malformed):
            use()
    assert strict.server.requests == []


USES = {
    "create": (lambda strict: strict.store.create({"a": b""}), "roles/storage.objectCreator"),
    "read": (lambda strict: strict.store.read("a"), "roles/storage.objectViewer"),
    "holds": (lambda strict: strict.store.holds("a"), "roles/storage.objectViewer"),
    "names": (lambda strict: list(strict.store.names("")), "roles/storage.objectViewer"),
}


@pytest.mark.parametrize(("use", "role"), USES.values(), ids=USES)
def test_a_missing_permission_is_said_with_the_role_that_mends_it(strict, use, role):
    strict.server.allow("evidence")

    with pytest.raises(Misconfigured, match=f"in evidence: grant it {role}"):
        use(strict)
    assert len(strict.server.requests) == 1


def test_a_log_that_may_only_be_read_says_so(strict):
    strict.server.allow("log", "storage.objects.get", "storage.objects.list", "storage.objects.create")
    strict.heads.swap(None, b"first")

    with pytest.raises(Misconfigured, match="objectUser"):
        strict.heads.swap(b"first", b"second")


@pytest.mark.parametrize("use", [use for name, (use, _) in USES.items() if name != "holds"])
def test_a_missing_bucket_is_said_and_is_not_an_empty_one(strict, use):
    del strict.server.buckets.all["evidence"]

    with pytest.raises(Misconfigured, match="no bucket evidence"):
        use(strict)


def test_a_log_bucket_with_a_retention_policy_is_said(strict):
    """google-cloud "Cloud Storage": 403 `retentionPolicyNotMet`."""
    strict.heads.swap(None, b"first")
    bucket = strict.client.get_bucket("log")
    bucket.retention_period = 100
    bucket.patch()

    with pytest.raises(Misconfigured, match="retention policy"):
        strict.heads.swap(b"first", b"second")


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"STORAGE_EMULATOR_HOST": "127.0.0.1:1"}, "http://"),
        ({"STORAGE_EMULATOR_HOST": "http://127.0.0.1:1", "K_SERVICE": "gateway"}, "Cloud Run"),
    ],
)
def test_an_emulator_must_be_an_address_and_is_refused_on_cloud_run(environment, why):
    with pytest.raises(Misconfigured, match=why):
        open_client(None, environment)


class NoToken(Credentials):
    """Credentials for which no token is to be had."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def refresh(self, request):
        raise self.error


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (TransportError("the metadata server does not answer"), Unavailable),
        (RefreshError("try again", retryable=True), Unavailable),
        (RefreshError("this account is gone"), Misconfigured),
    ],
)
def test_without_a_token_nothing_is_sent(strict, error, raised):
    client = open_client("a-project", {}, credentials=NoToken(error))
    store = CloudStorageStore(client, "evidence", patience=strict.patience)

    with pytest.raises(raised):
        store.create({"a": b"one"})
