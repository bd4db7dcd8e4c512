"""What `sequence_log` opens out of its environment: evidence-format section 7."""

from __future__ import annotations

import pytest

from affidavit.adapters.gcp.storage import open_client
from affidavit.audit.read_ahead import SMALL
from affidavit.errors import Malformed
from affidavit.wiring.sequence_log import open_sequence_log
from fakes.storage_server import StorageServer

NAMES = [f"segment/w/{number:012d}-0.ndjson.gz" for number in range(2)]


def test_what_anybody_may_store_is_not_read_ahead_whatever_its_length():
    with StorageServer() as server:
        environment = {
            "STORAGE_EMULATOR_HOST": server.url,
            "KMS_EMULATOR_HOST": "127.0.0.1:9",  # nobody is asked
            "AFFIDAVIT_ORIGIN": "gateway.example.com/audit",
            "AFFIDAVIT_EVIDENCE_BUCKET": "acme-evidence",
            "AFFIDAVIT_BODY_BUCKETS": "standard=acme-body-standard",
            "AFFIDAVIT_LOG_BUCKET": "acme-log",
            "AFFIDAVIT_LOG_KEY": "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
            "AFFIDAVIT_RETENTION": "standard=400",
            "AFFIDAVIT_WRITERS": "gateway=acme-gateway@acme-prod-1.iam.gserviceaccount.com",
        }
        store = open_sequence_log(environment).sequencer._parts.store
        open_client(None, environment).create_bucket("acme-evidence")
        server.buckets.insert("acme-evidence", {"name": NAMES[0]}, b"x", {})
        server.buckets.insert("acme-evidence", {"name": NAMES[1]}, bytes(SMALL + 1), {})
        assert list(store.names("segment/")) == NAMES

        store.read(NAMES[0])

        with pytest.raises(Malformed):
            store._ahead[NAMES[1]].result()
        assert len(store.read(NAMES[1])) == SMALL + 1
