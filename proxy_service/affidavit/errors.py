"""What can go wrong, one class per different handling.

They become HTTP or JSON-RPC in one place (`gateway/problems.py`), and exit codes in `cli`.
Every message is a sentence that a person can act on; none carries a secret.
"""

from __future__ import annotations


class AffidavitError(Exception):
    """The base of all errors that this package raises on purpose."""


class Malformed(AffidavitError):
    """Bytes that are not what their format says.

    Attributes:
        code: Stable and machine-readable, in snake case (`duplicate_key`).
    """

    def __init__(self, message: str, *, code: str = "malformed") -> None:
        super().__init__(message)
        self.code = code


class Unauthenticated(AffidavitError):
    """A credential is missing or was refused.

    Attributes:
        code: Stable and machine-readable (`wrong_audience`).
        issuer: The configured issuer's name, or `other`; never text out of the unverified token.
    """

    def __init__(self, message: str, *, code: str, issuer: str = "other") -> None:
        super().__init__(message)
        self.code = code
        self.issuer = issuer


class Refused(AffidavitError):
    """A decision: this call ends here, and nothing was forwarded.

    Attributes:
        retry_after_s: In how many seconds the same may be let through; None where waiting does not help.
    """

    def __init__(self, message: str, *, code: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


class Unavailable(AffidavitError):
    """Nothing was done; trying again may help."""


class OutcomeUnknown(AffidavitError):
    """It may have been done; whether it is durable is not known."""


class Conflict(AffidavitError):
    """Somebody else was first; read what they wrote and start again."""


class VerificationFailed(AffidavitError):
    """A signature, a hash or a proof does not hold."""


class Misconfigured(AffidavitError):
    """The configuration or the environment is wrong; the message names the place and the mend."""


class Unusable(Misconfigured):
    """What was fetched is there and cannot be used; what served before was not taken away by that."""
