"""What the bus delivers, one message at a time: each ends in its bucket or in the quarantine.

The handler of the cloud function `write_evidence`. A message may come twice, late, out of order, and beside another:
the result is the same, because names hold their content's hash and both stores create only.

Source: evidence-format section 6; architecture "Failures".
"""

from __future__ import annotations

from typing import Literal

from affidavit.errors import Malformed
from affidavit.evidence.intake import Intake, keep
from affidavit.evidence.message import Message, parse_push
from affidavit.evidence.ports import EvidenceStore

Fate = Literal["taken", "quarantined"]


class Arrivals:
    """Takes what is pushed.

    Args:
        intake: Checks and stores.
        quarantine: Where what is no message lies.
    """

    def __init__(self, intake: Intake, quarantine: EvidenceStore) -> None:
        self._intake = intake
        self._quarantine = quarantine

    def take(self, body: bytes) -> Fate:
        """Store the object that a push request brings, or put it aside where it can be nobody's evidence.

        Raises:
            Unavailable, OutcomeUnknown: It may not be stored; it has to be delivered again.
            Misconfigured: There is no bucket for it; nothing is lost as long as it is delivered again.
        """
        try:
            message = parse_push(body)
        except Malformed as error:
            keep(self._quarantine, "push/request", body, str(error))
            return "quarantined"
        return self._take(message)

    def _take(self, message: Message) -> Fate:
        try:
            taken = self._intake.take([message.object()])
        except Malformed as error:
            keep(self._quarantine, "message/data", message.data, str(error))
            return "quarantined"
        # Its registration was created before its first publish, in a store that shows at once what was created: whoever
        # is not registered now is nobody.
        self._intake.refuse(taken.early, "its writer is not registered")
        return "quarantined" if taken.early or taken.refused else "taken"
