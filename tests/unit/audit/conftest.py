from __future__ import annotations

import pytest

from fakes.auditor import Audit, audit_folder
from fakes.ledger import Ledger


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "data")


@pytest.fixture
def audited(ledger):
    """Return the log as a stranger reads it; fails where it breaks a rule."""

    def read() -> Audit:
        return audit_folder(ledger.root)

    return read
