"""A decision that is remembered holds for the principal that it was made for, not for whoever bears the same token.

Source: identity-and-approvals "Who tells us that Ana left".
"""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from affidavit.errors import Refused
from affidavit.gateway.decisions import Decisions
from affidavit.gateway.in_force import InForce
from affidavit.identity.principal import Credential, Principal
from affidavit.masking.mask import Masker
from affidavit.masking.tokens import Tokens
from affidavit.policy.decide import RULES, Policy, Rule

ANA = Principal(
    issuer="https://issuer.test",
    subject="1",
    email="ana@example.com",
    person="ana@example.com",
    groups=("dba",),
    attribution="person",
    credential=Credential(header={}, claims={}, token_sha256="0" * 64, expires=1_795_000_000_000_000),
)


def call(principal):
    inbound = SimpleNamespace(ip="127.0.0.1", upstream="warehouse")
    return SimpleNamespace(
        principal=principal,
        inbound=inbound,
        method="tools/call",
        target="echo",
        message=None,
        in_force=None,
        session=None,
        received=0,
    )


@pytest.mark.parametrize("changed", [{"groups": ()}, {"attribution": "none", "person": None}])
def test_who_loses_a_group_or_a_person_with_the_same_token_is_decided_anew(changed):
    condition = RULES.compile('"dba" in principal.groups && principal.attribution == "person"')
    policy = Policy((Rule(name="dbas", when=condition, then="allow", effect="write", reason=None),), "0" * 64)
    decisions = Decisions(InForce(policy=policy, masker=Masker((), Tokens(b"0" * 32))))
    decisions.decide(call(ANA))

    with pytest.raises(Refused):
        decisions.decide(call(replace(ANA, **changed)))


def test_all_that_is_known_of_a_principal_is_in_its_key():
    assert ANA.key == replace(ANA).key
    others = [replace(ANA, groups=()), replace(ANA, person=None), replace(ANA, run="7"), replace(ANA, email=None)]
    assert len({ANA.key, *(one.key for one in others)}) == 5
