"""What the cloud function `check_log` runs, put together from its environment.

Source: architecture "The way of one call"; evidence-format section 9.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import islice

from affidavit.adapters.gcp.dead_letters import DeadLetters
from affidavit.adapters.gcp.emulators import refuse_emulators
from affidavit.adapters.gcp.kms import KmsSigner, open_kms
from affidavit.adapters.gcp.storage import CloudStorageStore, open_client
from affidavit.audit.verify.notes import LogKeys, parse_keys
from affidavit.audit.verify.stores import store_buckets
from affidavit.audit.watch import Watch, Watched
from affidavit.clock import system_clock
from affidavit.settings import CheckLogSettings
from affidavit.wiring.redrive import open_dead_letters

LETTERS = 100  # that are counted
WAIT = 0.5  # seconds for a subscription that is empty, as it should be; what is missed is there a minute later


def open_check_log(environment: Mapping[str, str]) -> Watch:
    """Open what `check_log` runs; asks nothing of the network yet.

    Raises:
        Misconfigured: The environment is wrong, or there are no credentials.
    """
    refuse_emulators(environment)
    settings = CheckLogSettings.read(environment)
    client = open_client(None, environment)
    kms = open_kms(environment)
    evidence, log = CloudStorageStore(client, settings.evidence_bucket), CloudStorageStore(client, settings.log_bucket)
    bodies = {name: CloudStorageStore(client, bucket) for name, bucket in settings.body_buckets.items()}

    @cache  # a key version never has another key
    def keys() -> LogKeys:
        return parse_keys([str(KmsSigner(kms, settings.log_key, settings.origin).verifier_key)])

    return Watch(
        Watched(
            buckets=partial(store_buckets, evidence, bodies, log),
            keys=keys,
            check=CloudStorageStore(client, settings.check_bucket),
            quarantine=CloudStorageStore(client, settings.quarantine_bucket),
            dead_letters={name: dead_letters_of(environment, name) for name in settings.dead_letters},
            clock=system_clock,
            ticks=time.monotonic,
            random=os.urandom,
        )
    )


def dead_letters_of(environment: Mapping[str, str], subscription: str) -> Callable[[], str | None]:
    """Return what says which messages lie in a dead-letter subscription, None if there are none; it leaves them there.

    Raises:
        Misconfigured: There are no credentials.
    """
    letters = open_dead_letters(environment, subscription=subscription, topic="", wait=WAIT)
    return partial(_tell, letters)


def _tell(letters: DeadLetters) -> str | None:
    looking = letters.look()
    try:
        some = list(islice(looking, LETTERS))
    finally:
        looking.close()
    if not some:
        return None
    count = f"{len(some)} messages" if len(some) < LETTERS else f"{LETTERS} messages or more"
    return f"{count}, for instance {some[0].bucket or 'of no bucket'} {some[0].name or 'without a name'}"
