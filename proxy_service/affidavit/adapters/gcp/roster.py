"""Users and groups of the directories in Firestore.

Every put is one commit: the entries, the documents that hold the names they alone may have, and the counter that gives
each change its place. Preconditions decide who was first, so nothing waits for a lock.

Source: google-cloud "Firestore"; architecture "Ports".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import Client, DocumentReference, DocumentSnapshot, FieldFilter
from google.cloud.firestore_v1.batch import WriteBatch

from affidavit.adapters.gcp.firestore import WITHIN, document_id, translated
from affidavit.clock import Micros
from affidavit.errors import Conflict, Unavailable
from affidavit.identity.roster import Entry, News

TRIES = 20  # to get the next place; each time somebody else got one
_READING = 30.0  # seconds to read everything, at the start


class FirestoreRoster:
    """A `RosterStore`."""

    def __init__(self, database: Client) -> None:
        self._database = database
        self._entries = database.collection("roster")
        self._names = database.collection("roster_names")
        self._readings = database.collection("roster_readings")
        self._counter = database.collection("roster_state").document("place")

    def put(self, entries: Sequence[Entry]) -> None:
        """See `RosterStore.put`."""
        for _ in range(TRIES):
            with translated():
                if self._try(entries):
                    return
        raise Unavailable("too many change people and groups at once; try again")

    def since(self, position: int) -> News:
        """See `RosterStore.since`."""
        rest = self._entries.where(filter=FieldFilter("place", ">", position)).order_by("place")
        with translated():
            found = [one.to_dict() or {} for one in rest.stream(**{**WITHIN, "timeout": _READING})]
            readings = [one.to_dict() or {} for one in self._readings.stream(**WITHIN)]
        confirmed = {str(one["directory"]): int(one["at"]) for one in readings}
        return News(found[-1]["place"] if found else position, [_entry(one) for one in found], confirmed)

    def confirm(self, directory: str, at: Micros) -> None:
        """See `RosterStore.confirm`."""
        document = self._readings.document(document_id(directory))
        for _ in range(TRIES):
            with translated():
                known = document.get(**WITHIN)
                if known.exists and (known.to_dict() or {})["at"] >= at:
                    return
                commit = self._database.batch()
                self._set(commit, document, known, {"directory": directory, "at": at})
                if _committed(commit):
                    return
        raise Unavailable("too many confirm one directory at once; try again")

    def close(self) -> None:
        """Close the connection."""
        self._database.close()  # type: ignore[no-untyped-call]

    def _try(self, entries: Sequence[Entry]) -> bool:
        """Commit once; return False where somebody else committed meanwhile, and it has to be looked at again."""
        counter = self._counter.get(**WITHIN)
        known = {one.place: self._document(one).get(**WITHIN) for one in entries}
        fresh = [one for one in entries if not _is(known[one.place], one)]
        if not fresh:
            return True
        commit = self._database.batch()
        last = int((counter.to_dict() or {}).get("last", 0))
        for place, one in enumerate(fresh, last + 1):
            before = known[one.place]
            if one.version != int((before.to_dict() or {}).get("version", 0)) + 1:
                raise Conflict(f"{one.kind} {one.id} was changed meanwhile")
            self._set(commit, self._document(one), before, {**_form(one), "place": place})
        self._take_names(commit, [(known[one.place], one) for one in fresh])
        self._set(commit, self._counter, counter, {"last": last + len(fresh)})  # its precondition guards the names, too
        return _committed(commit)

    def _take_names(self, commit: WriteBatch, changes: Sequence[tuple[DocumentSnapshot[Any], Entry]]) -> None:
        freed = {claim for before, _ in changes if (claim := _claim(before)) is not None}
        wanted: dict[tuple[str, ...], str] = {}
        for _, entry in changes:
            if not entry.deleted and wanted.setdefault(entry.claim, entry.id) != entry.id:
                raise Conflict(f"the name {entry.name} is wanted twice")
        for claim in freed - wanted.keys():
            commit.delete(self._names.document(document_id(*claim)))
        for claim, entry_id in wanted.items():
            name = self._names.document(document_id(*claim))
            if claim not in freed and name.get(**WITHIN).exists:
                raise Conflict(f"the name {claim[2]} is taken")
            commit.set(name, {"id": entry_id})

    def _document(self, entry: Entry) -> DocumentReference:
        return self._entries.document(document_id(*entry.place))

    def _set(
        self, commit: WriteBatch, document: DocumentReference, before: DocumentSnapshot[Any], form: Mapping[str, Any]
    ) -> None:
        if not before.exists:
            commit.create(document, dict(form))
            return
        option = self._database.write_option(last_update_time=before.update_time)
        commit.update(document, dict(form), option=option)


def _committed(commit: WriteBatch) -> bool:
    try:
        commit.commit(**WITHIN)
    except (AlreadyExists, FailedPrecondition, NotFound):  # the precondition: or an answer was lost, and it is done
        return False
    return True


def _is(snapshot: DocumentSnapshot[Any], entry: Entry) -> bool:
    found = snapshot.to_dict()
    return found is not None and _entry(found) == entry


def _claim(snapshot: DocumentSnapshot[Any]) -> tuple[str, ...] | None:
    found = snapshot.to_dict()
    return None if found is None or found["deleted"] else _entry(found).claim


def _form(entry: Entry) -> dict[str, Any]:
    return {
        "directory": entry.directory,
        "kind": entry.kind,
        "id": entry.id,
        "name": entry.name,
        "version": entry.version,
        "active": entry.active,
        "deleted": entry.deleted,
        "created": entry.created,
        "modified": entry.modified,
        "attributes": json.dumps(entry.attributes, sort_keys=True).encode(),  # as bytes it has no index of its own
    }


def _entry(form: Mapping[str, Any]) -> Entry:
    known = {name: value for name, value in form.items() if name not in ("place", "attributes")}
    return Entry(**known, attributes=json.loads(form["attributes"]))
