"""The log's key in KMS, for whoever wants its public half.

Source: evidence-format section 7; google-cloud "KMS".
"""

from __future__ import annotations

from collections.abc import Mapping

from affidavit.adapters.gcp.kms import KmsSigner, open_kms
from affidavit.tlog.note import VerifierKey


def verifier_key(key_version: str, origin: str, environment: Mapping[str, str]) -> VerifierKey:
    """Return the public half of a key version, under the log's origin.

    Raises:
        Misconfigured: It is not there, not for this account, or of another algorithm.
        Unavailable: KMS does not answer.
    """
    return KmsSigner(open_kms(environment), key_version, origin).verifier_key
