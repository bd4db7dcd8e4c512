"""Who may speak in the log: evidence-format sections 3 and 9 (`attestations`), and no verifier ever finds otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from affidavit.audit.admission import ISSUER, MAX_KEY_SET, RETRY, SKEW, AttestationKeys, AttestedAdmission
from affidavit.clock import DAY, MINUTE, SECOND, Micros
from affidavit.errors import Unavailable
from fakes.issuer import HOUR, Issuer, SigningKey, without
from fakes.ledger import START, Ledger
from tampering.runs import explain, failed, findings, notes, verify_folder

GATEWAY = "acme-gateway@acme-prod-1.iam.gserviceaccount.com"
CONSOLE = "acme-console@acme-prod-1.iam.gserviceaccount.com"
WRITERS = {"gateway": GATEWAY, "console": CONSOLE}


@pytest.fixture(scope="module")
def signing_keys():
    return [SigningKey("RS256") for _ in range(3)]


@dataclass
class Google:
    """What signs attestations, and where its keys lie: they can be out of reach, too large, or no keys."""

    issuer: Issuer
    ledger: Ledger = field(init=False)
    fetched: int = 0
    down: bool = False
    instead: bytes | None = None

    def fetch(self) -> bytes:
        self.fetched += 1
        if self.down:
            raise Unavailable("no route")
        return self.issuer.jwks() if self.instead is None else self.instead

    def writer(self, role: str = "gateway", email: object = GATEWAY, key: SigningKey | None = None, **claims):
        """Return a writer with an attestation, which has said one thing."""
        writer = self.ledger.writer(role, register=False)
        usual = {"email": email, "email_verified": True, "azp": "1234"}
        writer.attest(lambda aud: self.issuer.token(key=key, **usual | {"aud": aud} | claims))
        return self.speak(writer)

    def speak(self, writer):
        self.ledger.deliver([writer.registration])
        writer.open()
        writer.flush()
        return writer

    def sequence(self, after: Micros = 0) -> None:
        self.ledger.advance(after)
        self.ledger.sequence()

    def said(self, kind: str) -> list[dict]:
        log = [
            json.loads(text)
            for name in self.ledger.stores.evidence.names("commit/")
            for text in json.loads(self.ledger.stores.evidence.read(name))["statements"]
        ]
        return [one for one in log if one["kind"] == kind]

    def admitted(self) -> list[str]:
        return [one["about"] for one in self.said("log:writer_admitted")]

    def verify(self):
        return verify_folder(self.ledger.root, keys=[self.ledger.vkey], now=self.ledger.now, as_of=self.ledger.now)


@pytest.fixture
def google(tmp_path, signing_keys):
    issuer = Issuer(ISSUER, algorithm="RS256", now=lambda: google.ledger.now / SECOND)
    issuer.keys = signing_keys[:1]
    google = Google(issuer)
    clock = lambda: google.ledger.now  # noqa: E731
    admit = AttestedAdmission(WRITERS, AttestationKeys(google.fetch, clock), clock)
    google.ledger = Ledger(tmp_path / "data", admit=admit)
    return google


def test_what_is_admitted_is_vouched_for_by_keys_that_the_log_states_first(google):
    """evidence-format section 9: offline, from the buckets alone, the attestation verifies."""
    writer = google.writer()
    google.sequence()

    (stated,) = google.said("issuer:keys")
    assert (stated["issuer"], stated["keys"]) == (ISSUER, google.issuer.jwks().decode())
    (admitted,) = google.said("log:writer_admitted")
    assert (admitted["about"], admitted["account"]) == (writer.id, GATEWAY)
    assert stated["seq"] < admitted["seq"]
    report = google.verify()
    assert not failed(report), explain(report)
    assert (report.status, notes(report, "attestations")) == (0, [])


def test_keys_are_stated_once_and_fetched_once(google):
    for _ in range(3):
        google.writer()
        google.sequence(SECOND)
    google.writer("console", CONSOLE)
    google.ledger.sequencer = google.ledger.new_sequencer()
    google.sequence(SECOND)

    assert len(google.admitted()) == 4
    assert len(google.said("issuer:keys")) == 1
    assert google.fetched == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"email": CONSOLE},
        {"email": "somebody@else.iam.gserviceaccount.com"},
        {"email": without},
        {"email": [GATEWAY]},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": without},
        {"aud": "affidavit:" + "1" * 64},
        {"aud": ["affidavit:" + "1" * 64]},
        {"aud": without},
        {"iss": "https://issuer.test"},
        {"iss": "accounts.google.com"},
        {"iat": without},
        {"exp": without},
        {"exp": "never"},
        {"iat": True},
        {"iat": START // SECOND - 7200, "exp": START // SECOND - 3600},
        {"iat": START // SECOND + 3600, "exp": START // SECOND + 7200},
    ],
    ids=repr,
)
def test_a_token_that_says_something_else_admits_nobody(google, claims):
    google.writer(**claims)
    google.sequence()
    google.sequence(2 * 60 * MINUTE)

    assert google.admitted() == []
    assert google.fetched == 0, "nobody can make it fetch with a token that fits nobody"
    assert google.verify().status == 0


def test_a_role_is_one_accounts(google):
    """Issue 4: admitted only when Terraform gave that account that role."""
    google.writer("console", GATEWAY)
    google.writer("cli", GATEWAY)
    google.writer("function:resolve-approval", GATEWAY)
    google.sequence()

    assert google.admitted() == []


def test_nobody_vouches_for_a_writer_without_attestation(google):
    google.speak(google.ledger.writer(register=False))
    google.sequence()

    assert google.admitted() == []


def forge(google, token):
    writer = google.ledger.writer(register=False)
    writer.attest(token)
    google.speak(writer)


@pytest.mark.parametrize(
    "forged",
    [
        lambda issuer, claims: issuer.with_own_key(**claims),
        lambda issuer, claims: issuer.tampered({}, **claims | {"email": CONSOLE}),
        lambda issuer, claims: issuer.unsigned(**claims),
        lambda issuer, claims: issuer.signed_with_the_public_key(**claims),
        lambda *_: "trust me",
    ],
    ids=["a stranger's key", "claims changed", "not signed", "the public key as a secret", "no token"],
)
def test_a_forged_token_admits_nobody(google, forged):
    """RFC 8725 section 2.1."""
    claims = {"email": GATEWAY, "email_verified": True}
    forge(google, lambda aud: forged(google.issuer, claims | {"aud": aud}))
    google.sequence()
    google.sequence(RETRY)

    assert google.admitted() == []


def test_another_algorithm_of_a_key_in_the_set_admits_nobody(google):
    """evidence-format section 3: attestations are RS256; a set may hold keys for other things."""
    other = SigningKey("ES256")
    google.issuer.keys = [*google.issuer.keys, other]
    google.writer(key=other)
    google.sequence()

    assert google.admitted() == []


def test_somebody_elses_attestation_is_for_another_key(google):
    stolen = google.writer()
    token = json.loads(stolen.writer.registration)["attestation"]
    forge(google, lambda _: token)
    google.sequence()

    assert google.admitted() == [stolen.id]


def test_while_keys_are_out_of_reach_a_writer_waits_and_others_go_on(google):
    first = google.writer()
    google.sequence()
    google.issuer.keys = [*google.issuer.keys, SigningKey("RS256")]
    google.down = True
    second = google.writer()
    google.sequence(RETRY)
    before = google.ledger.sequencer.size
    first.introduce()
    first.flush()
    google.sequence(SECOND)
    assert google.admitted() == [first.id]
    assert google.ledger.sequencer.size == before + 5, "log:committed and four records"

    google.down = False
    google.sequence(RETRY)

    assert google.admitted() == [first.id, second.id]
    report = google.verify()
    assert report.status == 0, explain(report)


def test_a_set_that_is_none_or_too_large_for_the_log_is_as_good_as_out_of_reach(google):
    writer = google.writer()
    for instead in (b"<html>", b'{"keys":[' + b" " * MAX_KEY_SET + b"]}", b'{"keys":[]}'):
        google.instead = instead
        google.sequence(RETRY)
    assert google.admitted() == []

    google.instead = None
    google.sequence(RETRY)

    assert google.admitted() == [writer.id]


def test_whoever_asks_how_often_the_keys_are_fetched_once_a_minute(google):
    google.down = True
    for _ in range(6):
        google.writer()
        google.sequence(10 * SECOND)

    assert google.fetched == 1


def test_an_unknown_key_has_the_set_fetched_anew(google, signing_keys):
    google.writer()
    google.sequence()
    google.issuer.keys = signing_keys[:2]
    google.writer()
    google.sequence(RETRY)

    assert len(google.admitted()) == 2
    assert [one["keys"].count("kid") for one in google.said("issuer:keys")] == [1, 2]
    assert google.verify().status == 0


def test_a_key_that_its_issuer_withdrew_vouches_for_at_most_an_hour(google, signing_keys):
    google.writer()
    google.sequence()
    google.issuer.keys = signing_keys[1:2]
    late = google.writer(key=signing_keys[0])
    google.sequence(60 * MINUTE)

    assert late.id not in google.admitted()


def test_what_was_admitted_stays_proved_when_all_keys_have_changed(google, signing_keys):
    """evidence-format section 3: the set in force at the admission is what was recorded."""
    google.writer()
    google.sequence()
    google.issuer.keys = signing_keys[1:]
    google.writer(key=signing_keys[2])
    google.sequence(20 * MINUTE)

    assert len(google.admitted()) == 2
    report = google.verify()
    assert not findings(report, "attestations")
    assert "attestations" not in failed(report)


@pytest.mark.parametrize("late_by", [0, HOUR * SECOND + SKEW, DAY])
def test_a_token_counts_for_the_time_when_the_writer_was_opened(google, late_by):
    """evidence-format section 9: however late the sequencer comes to see it."""
    writer = google.writer()
    google.sequence(late_by)

    assert google.admitted() == [writer.id]
    report = google.verify()
    assert "attestations" not in failed(report), explain(report)


def test_a_token_from_the_future_waits_until_it_is_not(google):
    """The verifier takes at most a minute between `iat` and the admission."""
    now = START // SECOND
    writer = google.writer(iat=now + 50)
    google.sequence()
    assert google.admitted() == []

    google.sequence(51 * SECOND)

    assert google.admitted() == [writer.id]
    report = google.verify()
    assert report.status == 0, explain(report)
