"""What the cloud function `write_evidence` runs, put together from its environment.

Source: architecture "The way of one call"; evidence-format section 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.adapters.gcp.storage import CloudStorageStore, open_client
from affidavit.errors import Misconfigured
from affidavit.evidence.arrivals import Arrivals
from affidavit.evidence.intake import Intake, Stores
from affidavit.settings import WriteEvidenceSettings


def open_write_evidence(environment: Mapping[str, str]) -> Arrivals:
    """Open what `write_evidence` runs; asks nothing of the network yet.

    Raises:
        Misconfigured: The environment is wrong, or there are no credentials.
    """
    refuse_emulators(environment)
    settings = WriteEvidenceSettings.read(environment)
    client = open_client(None, environment)
    evidence = CloudStorageStore(client, settings.evidence_bucket)
    bodies = {name: CloudStorageStore(client, bucket) for name, bucket in settings.body_buckets.items()}
    quarantine = CloudStorageStore(client, settings.quarantine_bucket)
    stores = Stores(evidence=evidence, bodies=partial(_of_class, bodies), quarantine=quarantine)
    return Arrivals(Intake(stores, origin=settings.origin), quarantine)


def _of_class(stores: Mapping[str, CloudStorageStore], name: str) -> CloudStorageStore:
    if name not in stores:
        raise Misconfigured(f"AFFIDAVIT_BODY_BUCKETS has no bucket for the retention class {name}: add it there")
    return stores[name]
