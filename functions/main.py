"""The list of entry points: functions-framework looks for each by its name, here."""

from affidavit.serve.diagnostics import configure_diagnostics
from check_log import check_log
from sequence_log import sequence_log
from write_evidence import write_evidence

__all__ = ["check_log", "sequence_log", "write_evidence"]

configure_diagnostics()
