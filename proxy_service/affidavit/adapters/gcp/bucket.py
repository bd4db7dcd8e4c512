"""One bucket of Cloud Storage: requests with our own deadlines and retries, several side by side.

Every attempt is one request: the client's own retries are off, because whoever tries again must know what the attempt
before may have done. Never asks about the bucket itself, so that a writer needs the right to create and no other.

Source: google-cloud "Cloud Storage"; Cloud Storage JSON API.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import IO, Any, TypeVar

from google.cloud.storage import Client

from affidavit.adapters.gcp.storage_failures import CREATE, DELETE, ERRORS, LIST, READ, REPLACE, Corrupted, Failure
from affidavit.errors import AffidavitError, Conflict, Malformed, Misconfigured, OutcomeUnknown
from affidavit.evidence.names import OBJECT

SIDE_BY_SIDE = 8  # requests of one call
MAX_OBJECT = 64 * 1024 * 1024  # bytes; no object of the evidence format has more, packed or not
PAGE = 1_000  # names that one request lists, and the most that it can
CONNECT_S, ANSWER_S = 3.0, 10.0  # of one attempt
DEADLINE_S = 20.0  # of all attempts; functions have 60 s, and an object name takes an update a second
PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.1, 1.6, 3.2, 3.2, 3.2)  # between attempts
OCTETS = "application/octet-stream"

_TELLING = (OutcomeUnknown, Conflict, Malformed, Misconfigured)  # more and more

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 an item


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it stood at one moment."""

    data: bytes
    generation: int


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing has it."""

    name: str
    size: int
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long requests are tried, and by which clock."""

    deadline_s: float = DEADLINE_S
    answer_s: float = ANSWER_S
    ticks: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class CloudBucket:
    """Requests on one bucket; from any thread. No object is read of which more than `longest` bytes would come."""

    def __init__(self, client: Client, name: str, patience: Patience, *, longest: int = MAX_OBJECT) -> None:
        self._client = client
        self._bucket = client.bucket(name)
        self._name = name
        self._patience = patience
        self._longest = longest
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, f"storage-{name}")  # starts threads when they are needed

    def create(self, name: str, body: bytes) -> bool:
        """Create an object in one request, and tell whether it is new: a lost answer looks as if it were not.

        Raises:
            Unavailable, OutcomeUnknown: It may not be there.
        """
        return self._put(name, body, generation=0, what=CREATE, content_type=OCTETS, made_it=lambda: False)

    def replace(self, name: str, body: bytes, *, generation: int, content_type: str) -> bool:
        """Put an object in place of exactly one generation (0: of none), and tell whether it stands there now.

        Raises:
            Unavailable, OutcomeUnknown: It may not.
        """

        def made_it() -> bool:
            now = self.read(name)
            return now is not None and now.data == body

        return self._put(name, body, generation=generation, what=REPLACE, content_type=content_type, made_it=made_it)

    def read(self, name: str) -> Stored | None:
        """Return an object whose checksum holds, or None where there is none.

        Raises:
            Malformed: It is longer than any object of the format.
            Unavailable: It could not be read.
        """
        body = BytesIO()
        generation = self.fetch(_checked(name), body)
        return None if generation is None else Stored(body.getvalue(), generation)

    def fetch(self, name: str, file: IO[bytes]) -> int | None:
        """Write an object whose checksum holds into an empty file, and return its generation; else as `read`."""
        try:
            return self._try(READ, lambda _: self._download(name, file))
        except _NotFoundError:
            return None

    def holds(self, name: str) -> bool:
        """Tell whether there is such an object; raises as `read`."""
        blob = self._bucket.blob(_checked(name))
        return bool(self._try(READ, lambda _: blob.exists(timeout=self._timeout(), retry=None)))

    def names(self, prefix: str, start: str) -> Iterator[str]:
        """Yield names in byte order, page by page; raises as `read`."""
        for blob in self._blobs(prefix, start, "name"):
            yield blob.name

    def listed(self) -> Iterator[Listed]:
        """Yield all objects in byte order of their names, page by page; raises as `read`."""
        for blob in self._blobs("", "", "name,size,generation"):
            yield Listed(blob.name, blob.size, blob.generation)

    def delete(self, name: str) -> None:
        """Remove an object, or find that it is not there; raises as `read`."""
        blob = self._bucket.blob(_checked(name))
        try:
            self._try(DELETE, lambda _: blob.delete(timeout=self._timeout(), retry=None))
        except _NotFoundError:
            return

    def side_by_side(self, act: Callable[[I], T], items: Iterable[I]) -> list[T]:
        """Do the same with several items at once; when it raises, none is still being done."""
        waiting = list(items)
        futures = [self._pool.submit(act, one) for one in waiting[1:]]
        errors: list[AffidavitError] = []
        results: list[T] = []
        # The first one here, since another thread takes as long again.
        asked: list[Callable[[], T]] = [
            *(partial(act, one) for one in waiting[:1]),
            *(future.result for future in futures),
        ]
        for result in asked:
            try:
                results.append(result())
            except AffidavitError as error:
                errors.append(error)
        if errors:
            raise max(errors, key=_weight)
        return results

    def _put(
        self, name: str, body: bytes, *, generation: int, what: str, content_type: str, made_it: Callable[[], bool]
    ) -> bool:
        blob = self._bucket.blob(_checked(name))

        def attempt(perhaps_done: bool) -> bool:  # noqa: FBT001 `_try` calls it
            try:
                self._upload(blob, body, generation, content_type)
            except ERRORS as error:
                failure = Failure.of(error)
                if failure.has_other_generation or (what == CREATE and failure.may_not_delete):
                    return perhaps_done and made_it()
                raise
            return True

        return self._try(what, attempt)

    def _upload(self, blob: Any, body: bytes, generation: int, content_type: str) -> None:
        # Beyond 8 MiB the client makes a resumable upload of it, two requests. Either way the checksum goes along, and
        # what does not fit it is refused.
        blob.upload_from_string(
            body,
            content_type=content_type,
            if_generation_match=generation,
            checksum="crc32c",
            timeout=self._timeout(),
            retry=None,
        )

    def _download(self, name: str, file: IO[bytes]) -> int:
        blob = self._bucket.blob(name)
        file.seek(0)
        file.truncate()
        # Raw: the content encoding is metadata, which its owner can change, and then the client would unpack.
        sink = _Sink(file, self._longest)
        blob.download_to_file(sink, raw_download=True, checksum="crc32c", timeout=self._timeout(), retry=None)
        if blob.crc32c is None:
            raise Corrupted("an object came without a checksum")
        return int(blob.generation or 0)

    def _blobs(self, prefix: str, start: str, fields: str) -> Iterator[Any]:
        token: str | None = None
        while True:
            page, token = self._page(prefix, start, fields, token)
            yield from page
            if token is None:
                return

    def _page(self, prefix: str, start: str, fields: str, token: str | None) -> tuple[list[Any], str | None]:
        return self._try(LIST, lambda _: self._list(prefix, start, fields, token))

    def _list(self, prefix: str, start: str, fields: str, token: str | None) -> tuple[list[Any], str | None]:
        listing = self._client.list_blobs(
            self._bucket,
            prefix=prefix or None,
            start_offset=start or None,
            page_token=token,
            page_size=PAGE,
            fields=f"items({fields}),nextPageToken",
            timeout=self._timeout(),
            retry=None,
        )
        return list(next(listing.pages)), listing.next_page_token

    def _try(self, what: str, act: Callable[[bool], T]) -> T:
        """Do it until it is done or cannot be; `act` gets whether an earlier attempt may have done it."""
        patience = self._patience
        ends = patience.ticks() + patience.deadline_s
        perhaps_done = False
        for pause in (*PAUSES_S, None):
            try:
                return act(perhaps_done)
            except (*ERRORS, Corrupted) as error:
                failure = Failure.of(error)
                if failure.not_found and what in {READ, DELETE}:
                    raise _NotFoundError from error
                perhaps_done = perhaps_done or (failure.perhaps_done and what in {CREATE, REPLACE})
                if not failure.transient or pause is None or patience.ticks() + pause >= ends:
                    raise failure.as_error(self._name, what, perhaps_done=perhaps_done) from error
            patience.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _timeout(self) -> tuple[float, float]:
        return min(CONNECT_S, self._patience.answer_s), self._patience.answer_s


class _NotFoundError(Exception):
    """There is no such object."""


class _Sink:
    """Takes as much as an object may have."""

    def __init__(self, file: IO[bytes], longest: int) -> None:
        self._file = file
        self._longest = longest
        self._size = 0

    def write(self, data: bytes) -> int:
        """Take more."""
        self._size += len(data)
        if self._size > self._longest:
            raise Malformed(f"an object is longer than {self._longest // 1024 // 1024} MiB", code="too_long")
        return self._file.write(data)


def _checked(name: str) -> str:
    if not OBJECT.fullmatch(name):
        raise Malformed(f"not a name that an object may have: {name!r}", code="bad_name")
    return name


def _weight(error: AffidavitError) -> int:
    """Return how much one of several errors tells: what must be mended first, then what is not known."""
    return next((weight for weight, kind in enumerate(_TELLING, 1) if isinstance(error, kind)), 0)
