"""What Terraform tells a process of the gateway's project is what the process reads.

The values are those that terraform/gateway/tests holds the plan to.
"""

import re
from pathlib import Path

import pytest

from affidavit.settings import PREFIX, ProxySettings, Settings, WriteEvidenceSettings

GATEWAY = Path(__file__).parent.parent / "terraform" / "gateway"
PROCESSES = [("gateway", ProxySettings), ("write_evidence", WriteEvidenceSettings)]


def told(name: str) -> dict[str, str]:
    """Return the environment that one file of Terraform's tests expects."""
    text = (GATEWAY / "tests" / f"{name}.tftest.hcl").read_text(encoding="utf-8")
    return dict(re.findall(rf'^ +({PREFIX}\w+) += "([^"]*)"$', text, re.MULTILINE))


@pytest.mark.parametrize(("name", "settings"), PROCESSES)
def test_a_process_is_told_everything_that_it_reads(name: str, settings: type[Settings]):
    known = {PREFIX + field.upper() for field in settings.__dataclass_fields__}

    assert told(name).keys() == known


@pytest.mark.parametrize(("name", "settings"), PROCESSES)
def test_a_process_understands_what_it_is_told(name: str, settings: type[Settings]):
    settings.read(told(name))
