"""What stands in the place of a masked value.

Where it is recorded, a token of the rule and the value: equal values look equal, and nobody without the key can test a
guess. Where it is forwarded or released, the rule alone: a stable token in an answer would be an oracle.

Source: evidence-format section 5, `masks`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable

PURPOSE = "masks"  # under which the key is derived from the deployment's secret
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
        return self.recorded_bytes(rule, value.encode("utf-8", "surrogatepass")).decode()

    def recorded_bytes(self, rule: str, value: bytes) -> bytes:
        """Return what is recorded in the place of bytes; for text in UTF-8 the same as `recorded`."""
        digits = hmac.digest(self._key, rule.encode() + b"\0" + value, "sha256").hex()[:TOKEN_DIGITS]
        return f"[masked:{rule}:{digits}]".encode()

    @staticmethod
    def plain(rule: str) -> str:
        """Return what is forwarded or released in the place of a value."""
        return f"[masked:{rule}]"


def known_tokens(rules: Iterable[str]) -> re.Pattern[bytes]:
    """Return what finds tokens, of both forms, of the rules of these names; nothing in one is masked again."""
    names = b"|".join(re.escape(name.encode()) for name in sorted(set(rules), key=len, reverse=True))
    return re.compile(rb"\[masked:(?:" + names + rb")(?::[0-9a-f]{%d})?\]" % TOKEN_DIGITS)
