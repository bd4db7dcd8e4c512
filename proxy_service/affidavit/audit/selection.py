"""Which segments a commit takes of one chain, and what the log has to state before it may.

Decides from what is stored and the commit's time alone, so a sequencer that starts again decides the same.

Source: evidence-format sections 5 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from affidavit.audit.batch import Batch
from affidavit.audit.chains import Chain, SegmentReader
from affidavit.audit.commit import Place
from affidavit.audit.history import Hole
from affidavit.audit.segments import CheckedSegment
from affidavit.clock import MINUTE, Micros

GAP_AFTER: Micros = 10 * MINUTE
LOST_AFTER: Micros = 30 * MINUTE
QUIET_WAITS: Micros = 5 * MINUTE


@dataclass(slots=True)
class _Plan:
    """What of one chain goes into this commit."""

    gap: Hole | None = None
    taken: list[CheckedSegment] = field(default_factory=list)
    lost: bool = False
    listed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Fills a batch, chain by chain.

    Attributes:
        reader: Reads what waits.
    """

    reader: SegmentReader

    def take_from(self, chain: Chain, batch: Batch) -> None:
        """Take of a chain what can be taken, with the statements that it needs."""
        if not chain.admitted and not chain.waiting:
            return
        plan = _Plan(lost=not chain.lost and self._is_lost(chain, batch.time))
        if chain.stopped is None:
            self._plan(chain, batch, plan)
        if plan.taken or (plan.lost and chain.admitted):
            self._state(chain, batch, plan)
            self._move(chain, batch, plan)

    def fill_hole(self, chain: Chain, holes: list[Hole], names: list[str], batch: Batch) -> bool:
        """Take the segment, of those that begin at one place, that fills a stated hole or a part of it.

        Returns:
            Whether there is one, and it has no place: it fills no hole.
        """
        found = self.reader.late(chain, names, now=batch.time)
        if found is None:
            return False
        if not any(first <= found.first_seq and found.next_seq - 1 <= last for first, last in holes):
            return True
        if batch.has_room(found):
            batch.log.say("log:late", about=chain.writer, **{"from": found.first_seq, "to": found.next_seq - 1})
            batch.take(found)
            batch.worthwhile = True
        return False

    def _plan(self, chain: Chain, batch: Batch, plan: _Plan) -> None:
        """Take what follows one another, over a hole only where the chain stands before it.

        A statement comes before all segments of its commit: one about a hole further on would not be about the next
        place of the chain for whoever reads in order. So that one is stated by the next commit, made at once.
        """
        seq, last = chain.next_seq, chain.last
        while (found := self._next(chain, seq, batch.time, plan)) is not None:
            if found.first_seq > seq and plan.taken:
                break
            if not batch.has_room(found) and not self._looks_lost(chain, batch.time, plan):
                break
            if found.first_seq == seq and not self._follows(chain, found, last):
                break
            if found.first_seq > seq:
                plan.gap = seq, found.first_seq - 1
            batch.take(found)
            plan.taken.append(found)
            seq, last = found.next_seq, found.last
            if found.closes:
                break

    def _looks_lost(self, chain: Chain, now: Micros, plan: _Plan) -> bool:
        """Tell whether a commit that ends here leaves a living chain at a record of half an hour ago.

        After a long pause of the sequencer it would, and whoever reads it must take that writer for lost: so such a
        commit is longer than others.
        """
        if plan.lost or chain.lost or not (chain.admitted or plan.taken):
            return False
        last_time = plan.taken[-1].last_time if plan.taken else self.reader.last_time(chain)
        return now - last_time >= LOST_AFTER

    def _next(self, chain: Chain, seq: int, now: Micros, plan: _Plan) -> CheckedSegment | None:
        found = self.reader.at(chain, seq, now=now)
        if found is not None or chain.stopped or not chain.waiting:
            return found
        after = self.reader.after(chain, seq, now=now)
        if after is None or now - after.first_time < GAP_AFTER:
            return None
        if plan.listed:
            return after
        # Names are learnt as they are created, and others create too: before a loss is stated for ever, look again.
        plan.listed = True
        self.reader.list_waiting(chain)
        return self._next(chain, seq, now, plan)

    def _follows(self, chain: Chain, found: CheckedSegment, last: str | None) -> bool:
        if last is None:  # a lost writer's place is known from statements, which hold no hash
            return self.reader.fits(chain, found)
        if found.prev != last:
            chain.stopped = f"{found.name} is signed to follow another record than the committed one: a fork"
            self.reader.told.once(chain.writer, chain.stopped)
        return found.prev == last

    def _is_lost(self, chain: Chain, now: Micros) -> bool:
        """Tell whether nothing that a commit can take is younger than 30 minutes, of a writer that has not closed.

        What still waits behind a hole does not count: whoever reads the commit cannot see it.
        """
        if now - self.reader.last_time(chain) < LOST_AFTER:
            return False
        newest = self._newest(chain, now) if chain.stopped is None else None
        return newest is None or (not newest.closes and now - newest.last_time >= LOST_AFTER)

    def _newest(self, chain: Chain, now: Micros) -> CheckedSegment | None:
        """Return the last segment that commits can take now, however many that takes."""
        plan, newest = _Plan(listed=True), None
        seq, last = chain.next_seq, chain.last
        self.reader.list_waiting(chain)
        while (found := self._next(chain, seq, now, plan)) is not None:
            if found.first_seq == seq and not self._follows(chain, found, last):
                break
            self.reader.records.pop(found.name, None)  # a long backlog does not fit in memory; this is to look only
            newest, seq, last = found, found.next_seq, found.last
            if found.closes:
                return found
        all_listed = any(place >= seq for place in chain.waiting) or chain.beyond is None
        return newest if all_listed else self.reader.check(chain, chain.beyond or "")

    def _state(self, chain: Chain, batch: Batch, plan: _Plan) -> None:
        say = batch.log.say
        if not chain.admitted:
            registration = chain.registration
            if chain.vouching is not None and chain.vouching not in batch.vouched:
                say("issuer:keys", issuer=chain.vouching.issuer, keys=chain.vouching.keys)
                batch.vouched.add(chain.vouching)
            say(
                "log:writer_admitted",
                about=chain.writer,
                registration_sha256=registration.sha256,
                role=registration.role,
                account=chain.account,
            )
        if plan.lost:
            say("log:writer_lost", about=chain.writer, **{"from": chain.next_seq})
        if plan.gap is not None:
            say("log:gap", about=chain.writer, **{"from": plan.gap[0], "to": plan.gap[1]})
        for one in plan.taken if chain.lost or plan.lost else ():
            say("log:late", about=chain.writer, **{"from": one.first_seq, "to": one.next_seq - 1})

    def _move(self, chain: Chain, batch: Batch, plan: _Plan) -> None:
        stated = plan.lost or plan.gap is not None or not chain.admitted or (chain.lost and bool(plan.taken))
        waited = any(not one.quiet or batch.time - one.first_time >= QUIET_WAITS for one in plan.taken)
        batch.worthwhile = batch.worthwhile or stated or waited
        if chain.lost or plan.lost or plan.taken[-1].closes:
            batch.moved[chain.writer] = None
        else:
            batch.moved[chain.writer] = Place(plan.taken[-1].next_seq, plan.taken[-1].last)
