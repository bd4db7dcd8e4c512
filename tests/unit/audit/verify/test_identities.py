"""Proofs of who called, verified again from nothing but the records.

Source: evidence-format section 5, `identity:verified`, `identity:proof`.
"""

import base64
import hashlib
import json

import pytest

from affidavit.audit.verify.facts import WHOLE, SegmentFacts
from affidavit.audit.verify.identities import Identities
from affidavit.clock import SECOND
from affidavit.evidence.names import parse_segment_name
from fakes.issuer import Issuer

WRITER = "20261127T120000Z-0123456789abcdef"
NOW = 1_795_780_800


def parts(token):
    def decode(part):
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))

    head, body, _ = token.split(".")
    return {"header": decode(head), "claims": decode(body)}


class Story:
    """A chain in which a token was verified and then proved; each part may be changed."""

    def __init__(self, algorithm="ES256"):
        self.issuer = Issuer("https://issuer.test", algorithm=algorithm, now=lambda: NOW)
        self.token = self.issuer.token(sub="ana", exp=NOW + 600)
        self.said = hashlib.sha256(self.token.encode()).hexdigest()
        self.keys = self.issuer.jwks()
        self.claims = json.dumps(parts(self.token)).encode()
        self.proof = self.token.encode()
        self.whose = self.issuer.url
        self.first_seq, self.time = 0, (NOW + 660) * SECOND
        self.order = ["keys", "verified", "proof"]

    def facts(self):
        time = self.time
        all_of_it = {
            "keys": ("keys", 1, self.whose, NOW * SECOND, self.keys),
            "verified": ("verified", 2, self.said, NOW * SECOND, self.claims),
            "proof": ("proof", 3, self.said, time, self.proof),
        }
        return SegmentFacts(WHOLE, [], [], identities=[all_of_it[name] for name in self.order])

    def name(self):
        return parse_segment_name(f"segment/{WRITER}/{self.first_seq:012d}-0123456789abcdef.ndjson.gz")

    def judge(self):
        identities = Identities()
        found = list(identities.take(self.name(), "evidence/x", self.facts()))
        return found, identities


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_token_that_was_verified_is_verified_again_years_later(algorithm):
    found, identities = Story(algorithm).judge()

    assert found == []
    assert (identities.checked, identities.unchecked) == (1, 0)


def forged(change):
    story = Story()
    change(story)
    found, _ = story.judge()
    return found


def other_claims(story):
    said = parts(story.token)
    said["claims"]["sub"] = "bob"
    story.claims = json.dumps(said).encode()


def other_keys(story):
    story.keys = Issuer("https://issuer.test").jwks()


def other_token(story):
    story.proof = story.issuer.token(sub="bob").encode()


def changed_token(story):
    head, body, signature = story.token.split(".")
    text = f"{head}.{body}.{signature[:-4]}{'AAAA' if signature[-4:] != 'AAAA' else 'BBBB'}"
    story.proof = text.encode()
    story.said = hashlib.sha256(story.proof).hexdigest()


def too_early(story):
    story.time = (NOW + 599) * SECOND


def no_token(story):
    story.proof = b"not.a.token"
    story.said = hashlib.sha256(story.proof).hexdigest()


def never_verified(story):
    story.order = ["keys", "proof"]


def keys_afterwards(story):
    story.order = ["verified", "proof", "keys"]


def keys_that_are_none(story):
    story.keys = b"{}"


def anothers_keys(story):
    story.whose = "https://other.test"


def claims_that_are_none(story):
    story.claims = b'{"header":"abc","claims":{}}'


FORGED = [
    (anothers_keys, "a signature by a key"),
    (claims_that_are_none, "the header and claims that were verified"),
    (other_claims, "the header and claims that were verified"),
    (other_keys, "a signature by a key"),
    (other_token, "the token of this hash"),
    (changed_token, "a signature by a key"),
    (too_early, "a token that has expired"),
    (no_token, "a token"),
    (never_verified, "an identity:verified of this token before"),
    (keys_afterwards, "a signature by a key"),
    (keys_that_are_none, "a signature by a key"),
]


@pytest.mark.parametrize(("change", "expected"), FORGED, ids=[one.__name__ for one, _ in FORGED])
def test_a_proof_that_proves_something_else_is_found(change, expected):
    ((check, object_, record, said, _),) = forged(change)

    assert (check, object_, record) == ("identities", "evidence/x", f"{WRITER}/3")
    assert said.startswith(expected)


@pytest.mark.parametrize("gone", ["proof", "claims"])
def test_what_is_disposed_is_not_judged(gone):
    story = Story()
    setattr(story, gone, None)

    found, identities = story.judge()

    assert found == []
    assert (identities.checked, identities.unchecked) == (0, 1)


def test_a_chain_whose_beginning_was_not_read_is_not_judged():
    story = Story()
    story.first_seq = 40

    found, identities = story.judge()

    assert found == []
    assert identities.unchecked == 1


@pytest.mark.parametrize("missing", ["verified", "keys"])
def test_where_a_part_of_the_chain_is_missing_a_sound_proof_is_not_judged(missing):
    """A hole is a failure of its own; what stood in it may have been what the proof needs."""
    story = Story()
    story.order.remove(missing)
    said = story.facts()
    identities = Identities()
    list(identities.take(story.name(), "evidence/x", SegmentFacts(WHOLE, [], [], leaves=b"0" * 32)))
    story.first_seq = 7

    assert list(identities.take(story.name(), "evidence/x", said)) == []
    assert (identities.checked, identities.unchecked) == (0, 1)


def test_keys_that_are_gone_leave_a_proof_unjudged():
    story = Story()
    story.keys = None

    found, identities = story.judge()

    assert found == []
    assert (identities.checked, identities.unchecked) == (0, 1)
