"""One data folder: where everything of an embedded deployment lies, and what is opened over it.

    journal/ evidence/ bodies/<class>/ log/ quarantine/ tmp/ state.sqlite log.key mask.key log.vkey

Decides nothing about what is written; the gateway and its worker take from here what each needs.

Source: architecture "Ports" (embedded default); evidence-format section 2.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from affidavit.adapters.embedded.directory import DirectoryStore, Scratch
from affidavit.adapters.embedded.disk import Disk, mend
from affidavit.adapters.embedded.head import DirectoryHead
from affidavit.adapters.embedded.journal import FILE_BYTES, JournalBus
from affidavit.adapters.embedded.journal_reader import JournalReader
from affidavit.adapters.embedded.keys import KeyFiles
from affidavit.clock import Clock
from affidavit.errors import Misconfigured
from affidavit.evidence.intake import Stores, keep

_FOLDERS = ("journal", "evidence", "bodies", "log", "quarantine", "tmp")
_OWNER_ONLY = 0o700


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The folder, with what writes into it."""

    root: Path
    disk: Disk
    scratch: Scratch

    @classmethod
    def open(cls, root: Path, disk: Disk | None = None) -> DataFolder:
        """Return the folder, made if it is not there.

        Raises:
            Misconfigured: It cannot be made or used.
        """
        try:
            if not root.exists():
                root.mkdir(mode=_OWNER_ONLY, parents=True)
            for name in _FOLDERS:
                with contextlib.suppress(FileExistsError):
                    (root / name).mkdir(mode=_OWNER_ONLY)
            disk = disk or Disk()
            disk.sync_folder(str(root))
            return cls(root, disk, Scratch(root / "tmp", disk))
        except OSError as error:
            raise Misconfigured(f"the data folder {root} cannot be used: {mend(error)}") from error

    @property
    def state_path(self) -> Path:
        """Where approvals and revocations are kept."""
        return self.root / "state.sqlite"

    @property
    def stores(self) -> Stores:
        """The evidence bucket, the body buckets and the quarantine."""
        return Stores(evidence=self.evidence, bodies=self.bodies, quarantine=self._store("quarantine"))

    @property
    def evidence(self) -> DirectoryStore:
        """The evidence bucket."""
        return self._store("evidence")

    def bodies(self, retention_class: str) -> DirectoryStore:
        """Return the bucket of a retention class, whose form was checked."""
        return self._store(f"bodies/{retention_class}")

    def has_body(self, retention_class: str, name: str) -> bool:
        """Tell whether a bodies object is there."""
        return self.bodies(retention_class).holds(name)

    def head(self) -> DirectoryHead:
        """Return the log bucket."""
        lock = self.root / "tmp" / "checkpoint.lock"
        return DirectoryHead(self.root / "log", lock=lock, scratch=self.scratch, disk=self.disk)

    def keys(self) -> KeyFiles:
        """Return the deployment's keys."""
        return KeyFiles(self.root, scratch=self.scratch, disk=self.disk)

    def bus(self, writer: str, clock: Clock, *, file_bytes: int = FILE_BYTES) -> JournalBus:
        """Return the bus of one writer; a process that says little gives `file_bytes` that are little."""
        return JournalBus(
            self.root / "journal",
            writer=writer,
            scratch=self.scratch,
            disk=self.disk,
            clock=clock,
            file_bytes=file_bytes,
        )

    def journal(self) -> JournalReader:
        """Return the other end of every writer's bus."""
        quarantine = partial(keep, self._store("quarantine"))
        return JournalReader(self.root / "journal", quarantine=quarantine, disk=self.disk)

    def _store(self, name: str) -> DirectoryStore:
        return DirectoryStore(self.root / name, scratch=self.scratch, disk=self.disk)
