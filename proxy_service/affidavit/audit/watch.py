"""The check that never sleeps: verify what is new, keep the point that was reached, say what is wrong.

A failure stays red in every check that follows, because the point carries it; it stops none of what comes later. An
operator who has looked accepts it in `expect.yaml` in the check bucket, the file of `affidavit verify --expect`. To
have something verified again, remove the points beyond it.

Killed at any moment, or run twice at once, it says things twice rather than never.

Source: evidence-format section 9; architecture "The way of one call".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from affidavit.audit.alarms import Alarms
from affidavit.audit.daily import Daily
from affidavit.audit.points import Points
from affidavit.audit.verify.buckets import Buckets
from affidavit.audit.verify.expect import accept, accept_known, read_expected
from affidavit.audit.verify.increments import Increment, verify_on
from affidavit.audit.verify.notes import LogKeys
from affidavit.audit.verify.point import Point
from affidavit.audit.verify.report import Report
from affidavit.audit.verify.request import Request
from affidavit.clock import MINUTE, Clock, Micros, format_time
from affidavit.errors import Malformed, Misconfigured, Unavailable
from affidavit.evidence.ports import EvidenceStore
from affidavit.evidence.writer import Randomness
from affidavit.tlog.checkpoint import Checkpoint
from affidavit.tlog.note import Note

PART = 20_000  # records in a part, after which there is a point
LONGEST = 40.0  # seconds after which no further part is begun; a function is called once a minute
BEHIND: Micros = 60 * MINUTE  # that the log may be ahead of the check, which is called each minute
UNREAD_FOR: Micros = 15 * MINUTE  # until what cannot be read is an alarm, and not a moment's trouble
MOST_QUARANTINED = 100  # alarms of one check
EXPECTED = "expect.yaml"
_SEED_BYTES = 16
_QUARANTINED = "quarantined/"

_diagnostics = logging.getLogger("affidavit.check")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is watched.

    Attributes:
        buckets: Opens the log's buckets, with nothing remembered of them.
        keys: Gives the log's keys.
        check: The check bucket: points, what was said, `expect.yaml`.
        quarantine: What the evidence function could not store.
        dead_letters: Subscription to what gives a sentence on what lies there, None if nothing does.
        clock: The time.
        ticks: Seconds that go by.
        random: For the seed.
    """

    buckets: Callable[[], Buckets]
    keys: Callable[[], LogKeys]
    check: EvidenceStore
    quarantine: EvidenceStore
    dead_letters: Mapping[str, Callable[[], str | None]]
    clock: Clock
    ticks: Callable[[], float]
    random: Randomness


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one check saw.

    Attributes:
        size: Of the log as far as it is verified.
        verified_from: Where this check began.
        at_end: Nothing that could be verified is left for the next one.
        status: As the exit status of `affidavit verify`, for what was verified.
        alarms: The names of what was raised.
    """

    size: int
    verified_from: int
    at_end: bool
    status: int
    alarms: Sequence[str]


class Watch:
    """Checks one log again and again, `part` records at a time."""

    def __init__(self, watched: Watched, part: int = PART) -> None:
        self._watched = watched
        self._part = part
        self._failing_since: dict[str, Micros] = {}  # what could not be looked at, again and again

    def run(self) -> Seen:
        """Check once.

        Raises:
            Unavailable, OutcomeUnknown: Not everything was done; the next one goes on from what is kept.
        """
        watched = self._watched
        now, ends, alarms = watched.clock(), watched.ticks() + LONGEST, Alarms()
        request, points = self._request(now), Points(watched.check)
        daily = Daily(watched.check, request.buckets.evidence, request.keys)
        start, part = self._first(request, points)
        if start is not None:
            daily.learn({start.day: start.size})
        since = start
        while True:
            # First what the next check will not see again, once the point is kept.
            alarms.lost(part.lost)
            daily.learn(part.days)
            daily.say(now, at_end=part.at_end)
            if part.point is not None and part.point is not since:
                points.keep(part.point)
            if part.at_end or part.point is since or watched.ticks() > ends:
                break
            since = part.point
            part = verify_on(request, since, self._part)
        self._judge(part, now, alarms)
        self._look_aside(now, alarms)
        return Seen(
            size=part.point.size if part.point else 0,
            verified_from=start.size if start else 0,
            at_end=part.at_end,
            status=part.report.status,
            alarms=tuple(alarms.raised),
        )

    def _request(self, now: Micros) -> Request:
        watched = self._watched
        seed = watched.random(_SEED_BYTES)
        return Request(buckets=watched.buckets(), keys=watched.keys(), now=now, as_of=now, seed=seed)

    def _first(self, request: Request, points: Points) -> tuple[Point | None, Increment]:
        """Verify the first part, from the newest point that can be gone on from."""
        for point in self._candidates(request, points):
            try:
                return point, verify_on(request, point, self._part)
            except Malformed as error:
                _diagnostics.error("the point at %s cannot be gone on from: %s", point.size, error)
        return None, verify_on(request, None, self._part)

    def _candidates(self, request: Request, points: Points) -> Iterator[Point]:
        log = request.buckets.log
        try:
            size = Checkpoint.parse(Note.parse((log and log.read("checkpoint")) or b"").unverified_text).size
        except (Malformed, Unavailable):
            size = 0
        return points.newest_first(size)

    def _judge(self, part: Increment, now: Micros, alarms: Alarms) -> None:
        """Raise an alarm for every check that fails, once; and for what cannot be read for long."""
        report = part.report
        self._accept(report, alarms, at_end=part.at_end)
        stuck = part.point is None or abs(now - part.point.made) > UNREAD_FOR
        # What lies beside the log may not be readable though the point moves on.
        stuck = self._lasts("check", now, failing=any(one.status == "unchecked" for one in report.checks)) or stuck
        for check in report.checks:
            if check.status == "FAIL" or (check.status == "unchecked" and stuck):
                alarms.check(check)
            elif check.status == "unchecked":
                why = next(check.findings())
                _diagnostics.warning("%s is not checked: %s: %s", check.id, why.object, why.found)
        # What is left over, `uncommitted` for one, is judged at the end, which a check that falls behind never reaches.
        if not part.at_end and part.point is not None and now - part.point.time > BEHIND:
            alarms.wrong(
                f"the check is behind: the log is verified up to {format_time(part.point.time)}, record "
                f"{part.point.size}; unless it has only begun, records come faster than they are verified"
            )

    def _accept(self, report: Report, alarms: Alarms, *, at_end: bool) -> None:
        try:
            data = self._watched.check.read(EXPECTED)
            if data is None:
                return
            expected = read_expected(data, EXPECTED)
        except (Misconfigured, Malformed) as error:
            alarms.wrong(str(error))
            return
        if at_end:
            accept(report.checks, expected)
        else:
            accept_known(report.checks, expected)

    def _look_aside(self, now: Micros, alarms: Alarms) -> None:
        """Look where what went wrong before the log ends up."""
        for subscription, look in self._watched.dead_letters.items():
            failed: Misconfigured | Unavailable | None = None
            try:
                what = look()
            except (Misconfigured, Unavailable) as error:
                what, failed = None, error
                _diagnostics.warning("%s: %s", subscription, error)
            lasts = self._lasts(subscription, now, failing=failed is not None)
            if lasts or isinstance(failed, Misconfigured):
                what = f"nobody can look there: {failed}"
            if what is not None:
                alarms.dead_letters(subscription, what)
        self._look_into_quarantine(alarms)

    def _lasts(self, what: str, now: Micros, *, failing: bool) -> bool:
        """Tell whether something fails for longer than a moment's trouble, as far as this process has seen."""
        if not failing:
            self._failing_since.pop(what, None)
            return False
        return now - self._failing_since.setdefault(what, now) > UNREAD_FOR

    def _look_into_quarantine(self, alarms: Alarms) -> None:
        names = list(self._watched.quarantine.names(""))
        known = set(self._watched.check.names(_QUARANTINED)) if names else set()
        news = {marker: name for name in names if (marker := _marker(name)) not in known}
        for marker, name in list(news.items())[:MOST_QUARANTINED]:
            alarms.quarantined(name)
            self._watched.check.create({marker: name.encode()})


def _marker(name: str) -> str:
    return f"{_QUARANTINED}{sha256(name.encode()).hexdigest()}"
