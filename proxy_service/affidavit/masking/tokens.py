"""What stands in the place of a masked value.

Where it is recorded, a token of the rule and the value: equal values look equal, and nobody without the key can test a
guess. Where it is forwarded or released, the rule alone: a stable token in an answer would be an oracle.

Source: evidence-format section 5, `masks`.
"""

from __future__ import annotations

import hmac

TOKEN_DIGITS = 12  # hex


class Tokens:
    """Makes what stands for masked values.

    Args:
        key: 32 bytes, derived from the deployment's secret for this purpose alone.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def recorded(self, rule: str, value: str) -> str:
        """Return what is recorded in the place of a value."""
        said = f"{rule}\0{value}".encode("utf-8", "surrogatepass")
        return f"[masked:{rule}:{hmac.digest(self._key, said, 'sha256').hex()[:TOKEN_DIGITS]}]"

    @staticmethod
    def plain(rule: str) -> str:
        """Return what is forwarded or released in the place of a value."""
        return f"[masked:{rule}]"
