"""What the cloud function `sequence_log` runs, put together from its environment.

Source: architecture "The way of one call"; evidence-format section 7.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from affidavit.adapters.gcp.attestation_keys import from_address
from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.adapters.gcp.kms import KmsSigner, open_kms
from affidavit.adapters.gcp.storage import CloudStorageHead, CloudStorageStore, open_client
from affidavit.audit.admission import AttestationKeys, AttestedAdmission
from affidavit.audit.listed_bodies import ListedBodies
from affidavit.audit.read_ahead import SMALL, ReadAhead
from affidavit.audit.rounds import Rounds
from affidavit.audit.sequencer import Sequencer, Sequencing
from affidavit.clock import system_clock
from affidavit.errors import Misconfigured
from affidavit.settings import SequenceLogSettings

COMMITS_BACK = 200  # that one run reads back, at most: some 5 s of requests


def open_sequence_log(environment: Mapping[str, str]) -> Rounds:
    """Open what `sequence_log` runs; asks nothing of the network yet.

    Raises:
        Misconfigured: The environment is wrong, or there are no credentials.
    """
    refuse_emulators(environment)
    settings = SequenceLogSettings.read(environment)
    keys = AttestationKeys(from_address(_secure(settings.attestation_keys, environment)), system_clock)
    client = open_client(None, environment)
    bodies = {name: CloudStorageStore(client, bucket) for name, bucket in settings.body_buckets.items()}
    evidence = CloudStorageStore(client, settings.evidence_bucket)
    sequencing = Sequencing(
        store=ReadAhead(evidence, CloudStorageStore(client, settings.evidence_bucket, longest=SMALL)),
        has_body=ListedBodies(bodies),
        heads=CloudStorageHead(client, settings.log_bucket),
        signer=KmsSigner(open_kms(environment), settings.log_key, settings.origin),
        admit=AttestedAdmission(settings.writers, keys, system_clock),
        retention=settings.retention,
        random=os.urandom,
        walk=COMMITS_BACK,
    )
    return Rounds(Sequencer(sequencing), system_clock)


def _secure(address: str, environment: Mapping[str, str]) -> str:
    """Return an address of keys; in plain HTTP they are anybody's, which is for tests."""
    if not address.startswith("https://") and ("K_SERVICE" in environment or not address.startswith("http://")):
        raise Misconfigured("AFFIDAVIT_ATTESTATION_KEYS must be an https:// address")
    return address
