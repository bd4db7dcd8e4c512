"""The revocation list of a gateway on Google Cloud, for whoever locks somebody out.

Source: architecture "Ports".
"""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.adapters.gcp.firestore import FirestoreRevocations, open_database
from affidavit.identity.revocation import RevocationList


def open_revocations(project: str, database: str, environment: Mapping[str, str]) -> RevocationList:
    """Connect to the gateway's database.

    Raises:
        Misconfigured: There are no credentials.
    """
    return FirestoreRevocations(open_database(project, database, environment))
