"""The gateway's root: Terraform's own tests, and who may do what as its plan says it."""

import pytest

from terraform import grants, laws
from terraform.provider import terraform
from terraform.suite import ends, names, plans

FOLDER, PROJECT = "gateway", "acme-gateway-1"
ALL_GIVEN = "the_audit_projects_checker_looks_at_dead_letters"  # a run that leaves out only what is a choice


@pytest.mark.parametrize("run", names(FOLDER), ids="/".join)
def test_a_run_of_terraforms_own_tests(run: tuple[str, str]):
    end = ends(FOLDER)[run]

    assert end.status == "pass", end.said


def test_it_is_valid():
    done = terraform(FOLDER, "validate", "-no-color")

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_says_who_may_do_what():
    """Least privilege is a table that people read; the plan is held to it, and it to the plan."""
    rows = grants.of_plan(plans(FOLDER)[ALL_GIVEN], PROJECT)

    assert rows == grants.of_readme(FOLDER)
    assert not {account for account, _, _ in rows} & grants.without_any(FOLDER)


@pytest.mark.parametrize("law", [laws.public, laws.authoritative, laws.unprotected])
def test_a_law_holds_in_every_plan(law):
    assert {name: broken for name, plan in plans(FOLDER).items() if (broken := law(plan))} == {}


def test_the_proxy_alone_checks_no_invoker():
    """google-cloud "Cloud Run": it does its own authentication; nothing else does."""
    found = set().union(*map(laws.open_to_everybody, plans(FOLDER).values()))

    assert found == {"acme-gateway"}


def test_messages_are_kept_for_31_days_and_no_subscription_expires():
    """google-cloud "Pub/Sub": the defaults lose records after quiet weeks."""
    made = [made for plan in plans(FOLDER).values() for made in plan if made.type.startswith("google_pubsub_")]
    kept = [one for one in made if "_iam_" not in one.type]
    subscriptions = [one for one in kept if one.type == "google_pubsub_subscription"]

    assert {one.values["message_retention_duration"] for one in kept} == {"2678400s"}
    assert [one.values["expiration_policy"] for one in subscriptions] == [[{"ttl": ""}]] * len(subscriptions)
    assert subscriptions
