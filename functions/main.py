"""The list of entry points: functions-framework looks for each by its name, here."""

from sequence_log import sequence_log
from write_evidence import write_evidence

__all__ = ["sequence_log", "write_evidence"]
