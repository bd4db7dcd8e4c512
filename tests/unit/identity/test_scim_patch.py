"""PATCH and filters, apart from HTTP.

Source: RFC 7644 sections 3.4.2.2 and 3.5.2; RFC 7643 section 2.4.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.identity.scim.attributes import GROUP_ATTRIBUTES, USER_ATTRIBUTES, clean
from affidavit.identity.scim.filter import MAX_DEPTH, parse_filter
from affidavit.identity.scim.patch import MAX_OPERATIONS, patch
from affidavit.identity.scim.problem import ScimProblem

ANA = {
    "userName": "ana@example.com",
    "active": True,
    "displayName": "Ana",
    "name": {"familyName": "Example"},
    "emails": [
        {"value": "ana@example.com", "type": "work", "primary": True},
        {"value": "ana@home.example", "type": "home"},
    ],
}
GROUP = {"displayName": "dba", "members": [{"value": "1"}, {"value": "2"}]}


def user(*operations):
    return patch(USER_ATTRIBUTES, ANA, {"Operations": list(operations)})


def group(*operations):
    return patch(GROUP_ATTRIBUTES, GROUP, {"operations": list(operations)})


def emails(*operations):
    return [(one.get("value"), one.get("type"), one.get("primary")) for one in user(*operations).get("emails", [])]


@pytest.mark.parametrize(
    ("value", "active"), [(False, False), ("False", False), ("false", False), ("True", True), (True, True)]
)
@pytest.mark.parametrize("op", ["replace", "Replace", "add", "Add"])
@pytest.mark.parametrize("path", ["active", "ACTIVE", "urn:ietf:params:scim:schemas:core:2.0:User:active", None])
def test_active_is_what_every_dialect_says_it_is(value, active, op, path):
    operation = {"op": op, "value": {"active": value}} if path is None else {"op": op, "path": path, "value": value}

    assert user(operation)["active"] is active


@pytest.mark.parametrize("value", [None, "no", 0, 1, [], {}, ["False"], {"value": False}])
def test_active_that_is_no_truth_value_never_lets_anybody_in(value):
    """Nothing in it is guessed: refused, or nobody's."""
    try:
        changed = user({"op": "replace", "path": "active", "value": value})
    except ScimProblem:
        return
    assert changed.get("active") is not True


def test_removing_active_lets_nobody_in():
    assert "active" not in user({"op": "remove", "path": "active"})


def test_parts_of_a_complex_attribute_are_set_and_the_others_stay():
    assert user({"op": "add", "path": "name.givenName", "value": "Ana"})["name"] == {
        "familyName": "Example",
        "givenName": "Ana",
    }
    assert user({"op": "replace", "path": "name", "value": {"GIVENNAME": "A"}})["name"] == {
        "familyName": "Example",
        "givenName": "A",
    }
    assert "name" not in user({"op": "remove", "path": "name.familyName"})
    assert "name" not in user({"op": "remove", "path": "name"})


def test_an_element_is_chosen_by_a_filter():
    work = 'emails[type eq "work"]'
    assert emails({"op": "replace", "path": f"{work}.value", "value": "new@example.com"})[0][0] == "new@example.com"
    assert emails({"op": "remove", "path": work}) == [("ana@home.example", "home", None)]
    assert emails({"op": "remove", "path": f"{work}.type"})[0] == ("ana@example.com", None, True)
    assert emails({"op": "add", "path": 'emails[type eq "other"].value', "value": "o@x.y"})[2] == (
        "o@x.y",
        "other",
        None,
    )
    assert emails({"op": "replace", "path": work, "value": {"value": "n@x.y"}})[0] == ("n@x.y", "work", True)


def test_one_is_primary_at_most_and_the_newest_is():
    """RFC 7643 section 2.4."""
    found = emails({"op": "add", "path": "emails", "value": [{"value": "n@x.y", "type": "other", "primary": "True"}]})

    assert [one[0] for one in found if one[2]] == ["n@x.y"]
    assert len(found) == 3


def test_adding_what_is_there_changes_nothing():
    assert user({"op": "add", "path": "emails", "value": ANA["emails"]}) == ANA
    assert group({"op": "add", "path": "members", "value": [{"value": "1", "display": "Ana"}]}) == GROUP
    assert group({"op": "add", "path": "members", "value": {"value": "1"}}) == GROUP


def test_members_come_and_go_in_every_dialect():
    def members(*operations):
        return [one["value"] for one in group(*operations).get("members", [])]

    assert members({"op": "add", "path": "members", "value": [{"value": "3"}]}) == ["1", "2", "3"]
    assert members({"op": "add", "value": {"members": [{"value": "3"}]}}) == ["1", "2", "3"]
    assert members({"op": "remove", "path": 'members[value eq "1"]'}) == ["2"]
    assert members({"op": "remove", "path": "members", "value": [{"value": "1", "$ref": None}]}) == ["2"]
    assert members({"op": "remove", "path": "members"}) == []
    assert members({"op": "replace", "path": "members", "value": [{"value": "9"}]}) == ["9"]
    assert members({"op": "replace", "path": "members", "value": []}) == []


def test_a_group_of_many_members_is_patched_at_once():
    """No member is compared with every other."""
    many = [{"value": str(number)} for number in range(10_000)]

    changed = group({"op": "add", "path": "members", "value": many})

    assert len(changed["members"]) == 10_000


def test_all_operations_or_none():
    before = json.dumps(ANA)

    with pytest.raises(ScimProblem):
        user({"op": "replace", "path": "active", "value": False}, {"op": "remove"})

    assert json.dumps(ANA) == before


def test_operations_are_bounded():
    with pytest.raises(ScimProblem):
        user(*[{"op": "replace", "path": "active", "value": True}] * (MAX_OPERATIONS + 1))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
PATHS = st.sampled_from(
    ["active", "emails", 'emails[type eq "work"]', 'emails[type eq "work"].value', "name", "name.givenName", "groups"]
) | st.text(max_size=30)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["add", "replace", "remove"]) | JSON, "path": PATHS | st.none(), "value": JSON}
        ),
        max_size=3,
    )
)
def test_whatever_is_patched_is_refused_or_of_the_schema(operations):
    """What is kept is what `clean` would keep, and it is JSON."""
    try:
        changed = patch(USER_ATTRIBUTES, ANA, {"Operations": operations})
    except ScimProblem:
        return
    assert clean(USER_ATTRIBUTES, changed) == changed
    json.dumps(changed)


# Filters.


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ('userName eq "ANA@example.com"', True),
        ('USERNAME EQ "ana@example.com"', True),
        ('userName ne "ana@example.com"', False),
        ('urn:ietf:params:scim:schemas:core:2.0:User:userName sw "ana"', True),
        ('userName co "@ex" and userName ew ".com"', True),
        ("active eq true", True),
        ("active eq True", True),
        ('active eq "true"', False),
        ("not (active eq true)", False),
        ('active eq false or displayName eq "ana"', True),
        ('active eq false and (displayName eq "ana" or userName pr)', False),
        ("nickName pr", False),
        ("emails pr and name.familyName pr", True),
        ('emails.value eq "ana@home.example"', True),
        ('emails eq "ana@home.example"', True),
        ('emails[type eq "home" and value co "work"]', False),
        ('emails[type eq "work"].value eq "ana@example.com"', True),
        ('emails[type eq "home"].value eq "ana@example.com"', False),
        ('displayName gt "Amy" and displayName lt "Bo"', True),
        ('displayName eq "\\u0041na"', True),
        ("userName eq null", False),
    ],
)
def test_a_filter_means_what_rfc_7644_says(text, matches):
    assert parse_filter(text)(ANA) is matches


@pytest.mark.parametrize(
    "text",
    [
        "",
        "userName",
        "userName eq",
        'eq "a"',
        "userName eq a",
        'userName eq "a" and',
        "(active pr",
        "active pr)",
        'emails[type eq "a"',
        "userName eq [1]",
        'userName eq "a" "b"',
        "active gt true",
        "1 eq 1",
        'userName eq "a',
        "(" * (MAX_DEPTH + 2) + "active pr" + ")" * (MAX_DEPTH + 2),
    ],
)
def test_what_is_no_filter_is_refused(text):
    with pytest.raises(ScimProblem) as caught:
        parse_filter(text)
    assert caught.value.scim_type == "invalidFilter"


@given(st.text(alphabet=' ()[]"\\.:abcandorteqprue0', max_size=60))
def test_whatever_is_asked_is_refused_or_answered(text):
    try:
        matches = parse_filter(text)
    except ScimProblem:
        return
    assert matches(ANA) in (True, False)


@given(st.text(max_size=30))
def test_any_text_is_found_by_its_own_filter(text):
    assert parse_filter(f"displayName eq {json.dumps(text)}")({"displayName": text})
