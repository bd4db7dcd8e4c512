"""`wiring.reloading`: a sound change is taken, a wrong one is not, and half of a file never is.

Source: architecture "Failures" (policy file invalid: the old one stays in force).
"""

from pathlib import Path

import pytest

from affidavit.errors import Misconfigured, OutcomeUnknown, Unavailable
from affidavit.wiring.cloud_policy import secret_source
from affidavit.wiring.reloading import Reloading, Source, file_source, read_source
from fakes.gateway_house import HOUSE as TEMPLATE
from fakes.secret_server import SecretServer

HOUSE = TEMPLATE.replace("{upstream}", "http://127.0.0.1:9/mcp").replace("{closed}", "8")
OTHER = HOUSE.replace('target == "drop_table"', 'target in ["drop_table", "drop_index"]')
SECRET = "projects/acme-gateway/secrets/affidavit-config"


class Place:
    """What lies at a source, and what was adopted of it. Law: nothing is adopted that was not read."""

    def __init__(self, *, whole=False):
        self.text = HOUSE.encode()
        self.failing = None
        self.adopted = []
        self.refusing = []
        self.source = Source(Path("affidavit.yaml"), self.read, whole=whole, look=2.0)
        self.reloading = Reloading(self.source, read_source(self.source), self.adopt)

    def read(self):
        if self.failing is not None:
            raise self.failing
        return self.text

    async def adopt(self, configuration):
        if self.refusing:
            raise self.refusing.pop()
        self.adopted.append(configuration.text)

    async def look(self, times=2):
        for _ in range(times):
            await self.reloading.look()


async def test_a_changed_file_is_adopted_once_two_looks_agree():
    """Half of a file that is just being written may be a sound one that lacks its last denials."""
    place = Place()
    place.text = HOUSE.encode()[: HOUSE.index("  - name: reports-stay-in")]
    await place.look(1)
    place.text = OTHER.encode()
    await place.look(1)
    assert place.adopted == []

    await place.look(3)

    assert place.adopted == [OTHER.encode()]
    assert place.reloading.read() == {"digest": place.reloading.current.digest, "error": None}


async def test_a_version_that_comes_whole_is_adopted_at_once():
    place = Place(whole=True)
    place.text = OTHER.encode()

    await place.look(1)

    assert place.adopted == [OTHER.encode()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 2", "must be 1"),
        ("\0", "YAML"),
        (HOUSE.replace("then: deny", "then: perhaps"), "then"),
        (HOUSE.replace("origin: gateway", "origin: elsewhere"), "changes origin"),
        (HOUSE.replace("attribution: sponsored", "attribution: person"), "changes issuers"),
        (HOUSE.replace("timeout: 1s", "timeout: 2s"), "changes upstreams"),
        (HOUSE + "retention: {standard: 10d}\n", "changes retention"),
    ],
)
async def test_a_file_that_cannot_be_in_force_leaves_the_old_one_there_loudly(text, said, caplog):
    place = Place()
    place.text = text.encode()

    await place.look()

    assert place.adopted == []
    assert said in caplog.text
    assert place.reloading.read()["error"] is not None
    assert place.reloading.current.text == HOUSE.encode()


async def test_a_file_that_stays_wrong_is_complained_about_once(caplog):
    place = Place()
    place.text = b"version: 2"

    await place.look(5)

    assert len(caplog.records) == 1


async def test_a_file_that_comes_back_to_what_is_in_force_is_well_again():
    place = Place()
    place.text = b"version: 2"
    await place.look()
    place.text = HOUSE.encode()

    await place.look()

    assert place.reloading.error is None
    assert place.adopted == []


@pytest.mark.parametrize("failure", [Unavailable("the bus is down"), OutcomeUnknown("the bus did not answer")])
async def test_what_cannot_be_recorded_is_not_in_force_and_is_tried_again(failure):
    """No record, no action; and the record that may be there does no harm a second time."""
    place = Place()
    place.text = OTHER.encode()
    place.refusing = [failure]
    await place.look()
    assert place.reloading.current.text == HOUSE.encode()

    await place.look(1)

    assert place.adopted == [OTHER.encode()]


@pytest.mark.parametrize("failure", [Misconfigured("the file cannot be read"), Unavailable("no answer")])
async def test_a_source_that_cannot_be_read_leaves_the_old_one_in_force(failure):
    place = Place()
    place.failing = failure
    await place.look()
    assert place.reloading.error == str(failure)

    place.failing = None
    place.text = OTHER.encode()
    await place.look()

    assert place.adopted == [OTHER.encode()]


def test_a_file_that_is_gone_is_misconfigured(tmp_path):
    with pytest.raises(Misconfigured, match="cannot be read: No such file"):
        file_source(tmp_path / "affidavit.yaml").read()


async def test_a_new_version_of_a_secret_is_in_force_at_the_next_look():
    """The requirements: reloaded on change of a file or of a Secret Manager version."""
    server = SecretServer()
    server.add(SECRET, HOUSE.encode())
    with server.serving() as address:
        environment = {"SECRET_MANAGER_EMULATOR_HOST": address, "AFFIDAVIT_PROJECT": "acme-gateway"}
        source = secret_source("secret:affidavit-config", environment)
        adopted = []

        async def adopt(configuration):
            adopted.append(configuration.text)

        reloading = Reloading(source, read_source(source), adopt)
        server.add(SECRET, OTHER.encode())
        await reloading.look()

        assert adopted == [OTHER.encode()]
