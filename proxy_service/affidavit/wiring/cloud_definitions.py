"""The tool definitions of a gateway on Google Cloud, for whoever reviews them.

Source: architecture "Ports".
"""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.adapters.gcp.firestore import FirestoreDefinitions, open_database
from affidavit.clock import system_clock
from affidavit.gateway.ports import DefinitionReview


def open_definitions(project: str, database: str, environment: Mapping[str, str]) -> DefinitionReview:
    """Connect to the gateway's database.

    Raises:
        Misconfigured: There are no credentials.
    """
    return FirestoreDefinitions(open_database(project, database, environment), system_clock)
