"""Which requests the adapters make of Cloud Storage, and which they never do."""

from __future__ import annotations

import threading

import pytest
from google.auth.credentials import AnonymousCredentials

from affidavit.adapters.gcp.storage import open_client
from fakes.cloud_storage import store_of
from fakes.storage_server import Fault

CREATE = "storage.objects.create"
LARGE = bytes(9 * 1024 * 1024)  # more than the client sends in one request


@pytest.mark.parametrize("delete_first", [False, True])
def test_who_writes_needs_the_right_to_create_alone(strict, delete_first):
    """google-cloud "Cloud Storage": names hold hashes, 412 means done; lost answers and taken names included.

    Some are told of a taken name that they may not delete it, others that the precondition does not hold.
    """
    strict.server.allow("evidence", CREATE)
    strict.server.buckets.bucket("evidence").asks_for_delete_first = delete_first
    before = {*threading.enumerate()}
    strict.server.fail(Fault(persisted=True), operation="objects.insert", name="segment/lost")

    assert strict.store.create({"writer/a.json": b"one"}) == frozenset()
    assert strict.store.create({"writer/a.json": b"two", "segment/b": LARGE}) == {"writer/a.json"}
    assert strict.store.create({"segment/lost": b"three"}) == {"segment/lost"}
    for thread in {*threading.enumerate()} - before:
        if "fetch_background" in thread.name:  # the client's, which asks for buckets unless it is kept from it
            thread.join()

    assert {seen.operation for seen in strict.server.requests} == {"objects.insert", "objects.insert/upload"}
    strict.server.buckets.bucket("evidence").allowed = None
    assert strict.store.read("writer/a.json") == b"one"
    assert strict.store.read("segment/lost") == b"three"


def test_every_creation_is_one_request_with_the_precondition(strict):
    strict.store.create({f"segment/{number}": b"x" * number for number in range(20)})

    assert len(strict.server.requests) == 20
    assert {seen.operation for seen in strict.server.requests} == {"objects.insert"}
    assert all(seen.query["ifGenerationMatch"] == "0" for seen in strict.server.requests)


def use_the_whole_store(store):
    store.create({"segment/a": b"one", "commit/0": b"two"})
    store.create({"segment/a": b"three"})
    assert store.read("segment/a") == b"one"
    assert store.read("segment/none") is None
    assert (store.holds("segment/a"), store.holds("segment/none")) == (True, False)
    assert list(store.names("segment/", "segment/a")) == ["segment/a"]


def test_nothing_is_asked_of_evidence_that_an_emulator_would_not_enforce(strict):
    """google-cloud "fake-gcs-server": no precondition on get or delete, no patch, copy, compose, versions or metadata.

    So what the contracts show on fake-gcs-server holds on the real one.
    """
    use_the_whole_store(strict.store)

    asked = {
        (seen.operation, *sorted(seen.query.keys() - {"prettyPrint", "uploadType"})) for seen in strict.server.requests
    }
    assert asked == {
        ("objects.insert", "ifGenerationMatch"),
        ("objects.get", "alt"),
        ("objects.get", "fields"),
        ("objects.list", "fields", "maxResults", "prefix", "projection", "startOffset"),
    }
    kept = strict.server.buckets.bucket("evidence").objects.values()
    assert all(one.resource == {"contentType": "application/octet-stream"} and one.metageneration == 1 for one in kept)


def test_the_log_uses_preconditions_where_emulators_enforce_them(strict):
    """google-cloud "fake-gcs-server": true to the real one on every kind of upload."""
    strict.heads.swap(None, b"one")
    strict.heads.swap(b"one", b"two")
    strict.heads.put_tiles({"tile/0/000.p/1": b"a", "tile/0/000": b"b"})
    strict.heads.drop_partials(["tile/0/000"])

    asked = {
        (seen.operation, *sorted(seen.query.keys() & {"ifGenerationMatch", "generation"}))
        for seen in strict.server.requests
    }
    assert asked == {("objects.insert", "ifGenerationMatch"), ("objects.get",), ("objects.list",), ("objects.delete",)}


def test_the_client_keeps_as_many_connections_as_threads_use():
    """requests keeps ten, and opens and throws away the others."""
    client = open_client(None, {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:1"})

    assert client._http.get_adapter("https://storage.googleapis.com")._pool_maxsize >= 32
    assert client._http.get_adapter("http://127.0.0.1:1")._pool_maxsize >= 32


@pytest.mark.parametrize(("environment", "looks"), [({}, True), ({"K_SERVICE": "gateway"}, False)])
def test_on_cloud_run_no_request_looks_for_proxies(environment, looks):
    """Elsewhere an auditor may have one; there it costs a sixth of a request's processor time."""
    client = open_client("a-project", environment, credentials=AnonymousCredentials())

    assert client._http.trust_env is looks


@pytest.mark.parametrize("kind", ["strict", "fake-gcs"])
def test_the_whole_store_is_used_alike(request, kind):
    use_the_whole_store(store_of(kind, request))
