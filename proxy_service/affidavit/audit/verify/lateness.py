"""What time alone settles of one chain: silence, losses that had to be stated, holes, calls that have not ended.

Source: evidence-format sections 4, 7 and 9; checks `chains`, `gaps` and `calls`.
"""

from __future__ import annotations

from collections.abc import Iterator

from affidavit.audit.verify.chain import Chain
from affidavit.audit.verify.report import Findings, RawFinding
from affidavit.clock import MINUTE, Micros, format_time

AHEAD: Micros = MINUTE  # a record's time may be so much later than its commit's (section 4)
LOST_AFTER: Micros = 30 * MINUTE
SILENT_AFTER: Micros = 40 * MINUTE
WAITING: Micros = 10 * MINUTE


def judge_silence(findings: Findings, chain: Chain, as_of: Micros, heard: tuple[Micros, Micros] | None) -> None:
    """Judge whether a chain that goes on has said something lately; `heard` is of what is not in the log yet."""
    last = max(chain.last_time, heard[1] if heard else 0)
    if as_of - last > SILENT_AFTER:
        record, found = f"{chain.writer}/{chain.next_seq - 1}", f"silent since {format_time(last)}"
        findings.fail("chains", None, record, "closed, or stated lost", found)


def judge_overdue(findings: Findings, chain: Chain, first: Micros, last: Micros) -> None:
    """Judge whether a commit had to state a writer lost, by the times of the next records of it.

    It need not have done so if one of them was made in the 30 minutes before it: that one may have been known, and
    waiting.
    """
    if chain.overdue is None or last <= chain.overdue[1] - LOST_AFTER:
        return
    if first > chain.overdue[1] + AHEAD:
        object_, at = chain.overdue
        expected = f"a log:writer_lost for {chain.writer}, silent since {format_time(chain.last_time)}"
        findings.fail("chains", object_, None, expected, f"none at {format_time(at)}")
    chain.overdue = None


def judge_holes(findings: Findings, chain: Chain, as_of: Micros) -> bool:
    """Judge the stated holes of a chain; tell whether one is still waiting."""
    waits = False
    for hole in chain.holes:
        what = f"{chain.writer} {hole.first} to {hole.last}"
        if as_of - hole.stated <= WAITING:
            waits = True
            findings.note("gaps", f"{what} waits to be filled")
        else:
            record = f"{chain.writer}/{hole.first}"
            findings.fail("gaps", hole.object, record, f"the records {hole.first} to {hole.last}", "a hole")
    return waits


def list_calls(findings: Findings, chain: Chain) -> None:
    """List the calls of a chain that have not ended."""
    findings.count("calls", chain.calls.begun)
    open_ = sorted(chain.calls.open.values(), key=lambda call: call.seq)
    if not open_:
        return
    state = "interrupted" if chain.lost else "open"
    shown = ", ".join(f"{chain.writer}/{call.seq}" for call in open_[:3])
    findings.note("calls", f"{len(open_)} {state}: {shown}{', …' if len(open_) > 3 else ''}")  # noqa: PLR2004
    findings.fail_all(not_refused(chain))


def not_refused(chain: Chain) -> Iterator[RawFinding]:
    """Yield the calls of a lost chain that had to be refused, and were not."""
    for call in sorted(chain.calls.open.values(), key=lambda call: call.seq) if chain.lost else ():
        if call.to_refuse and not call.loose:
            record = f"{chain.writer}/{call.seq}"
            yield "approvals", None, record, "a call:refused, because its policy does not allow it", "none"
