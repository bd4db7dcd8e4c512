"""One gateway for each module of journeys, between clients and a scripted upstream; what it leaves behind is verified.

Every journey's module gets a process of its own: `affidavit serve` with the configuration of
`fakes.gateway_house`, started once and stopped with SIGTERM.
Then its folder must hold up: to `fakes.auditor`, which shares no code with the product, and to `affidavit verify`.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes.auditor import audit_folder
from fakes.evidence_folder import EvidenceFolder
from fakes.gateway_house import HOUSE, TOOLS, House
from fakes.gateway_process import PROGRAM, serving
from fakes.scripted_upstream import ScriptedUpstream

Start = Callable[..., Iterator[House]]


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(*TOOLS) as server:
        yield server


@pytest.fixture(scope="module")
def house(upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory, start: Start) -> Iterator[House]:
    """A gateway that runs, and after the module's last test the proof that its evidence holds."""
    yield from start(House(tmp_path_factory.mktemp("house"), upstream))


@pytest.fixture(scope="session")
def start() -> Start:
    """Return what starts a house's gateway, gives the house, and then ends it and checks what it leaves behind."""
    return _run


def _run(house: House, change: Callable[[str], str] = str) -> Iterator[House]:
    house.prepare(change(HOUSE))
    with serving(house.configuration, house.data) as house.running:
        house.await_listings("warehouse", "hasty", "asking")
        yield house
        assert house.gateway.stop() == 0, house.gateway.diagnostics()
    holds_up(house.data)


@pytest.fixture(autouse=True)
def fresh(upstream: ScriptedUpstream) -> None:
    """Each journey sees its own requests only."""
    upstream.forget()
    upstream.witness = None


def holds_up(data: Path) -> None:
    """Check a folder whose gateway has ended in an orderly way."""
    audit = audit_folder(data)
    assert "writer:closed" in audit.kinds()
    assert all(len(ends) == 1 for ends in EvidenceFolder(data).ends().values()), "each call ends exactly once"
    if has_verify():
        checked = subprocess.run([PROGRAM, "verify", str(data)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def has_verify() -> bool:
    """Tell whether the command is there yet."""
    said = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    return "verify" in said
