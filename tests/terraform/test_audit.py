"""The audit project's root: Terraform's own tests, and who may do what as its plan says it."""

import re
from dataclasses import MISSING, fields

import pytest

from affidavit.settings import PREFIX, CheckLogSettings, SequenceLogSettings, Settings
from terraform import grants, laws
from terraform.provider import SOURCES, terraform
from terraform.suite import ends, names, plans

FOLDER, PROJECT = "audit", "acme-audit-1"
ALL_GIVEN = "writers_create_registrations_and_segments_and_nothing_else"  # a run that leaves nothing out
SIGNS = {
    "roles/cloudkms.signer",
    "roles/cloudkms.signerVerifier",
    "roles/cloudkms.admin",
    "roles/owner",
    "roles/editor",
}


@pytest.mark.parametrize("run", names(FOLDER), ids="/".join)
def test_a_run_of_terraforms_own_tests(run: tuple[str, str]):
    end = ends(FOLDER)[run]

    assert end.status == "pass", end.said


def test_it_is_valid():
    done = terraform(FOLDER, "validate", "-no-color")

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_says_who_may_do_what():
    """Least privilege is a table that people read; the plan is held to it, and it to the plan."""
    plan = plans(FOLDER)[ALL_GIVEN]

    assert grants.of_plan(plan, PROJECT) == grants.of_readme(FOLDER)


@pytest.mark.parametrize("law", [laws.public, laws.authoritative, laws.unprotected, laws.open_to_everybody])
def test_a_law_holds_in_every_plan(law):
    assert {name: broken for name, plan in plans(FOLDER).items() if (broken := law(plan))} == {}


@pytest.mark.parametrize(("name", "settings"), [("check-log", CheckLogSettings), ("sequence-log", SequenceLogSettings)])
def test_a_function_is_told_everything_that_it_has_to_know_and_understands_it(name: str, settings: type[Settings]):
    told = _environment(f"acme-{name}")
    needed = {PREFIX + field.name.upper() for field in fields(settings) if field.default is MISSING}

    assert needed <= told.keys() <= {PREFIX + field.name.upper() for field in fields(settings)}
    settings.read(told)


def _environment(function: str) -> dict[str, str]:
    (told,) = [
        made.values["service_config"][0]["environment_variables"]
        for made in plans(FOLDER)[ALL_GIVEN]
        if made.type == "google_cloudfunctions2_function" and made.values["name"] == function
    ]
    return dict(told)


def test_what_holds_evidence_is_not_destroyed_by_a_plan_that_forgets_it():
    """`prevent_destroy` is in no plan: google-cloud "Terraform"."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (SOURCES / FOLDER).glob("*.tf"))
    kept = re.findall(r'^resource "(\w+" "\w+)" {\n(?:(?!^}).)*prevent_destroy = true', text, re.MULTILINE | re.DOTALL)

    assert {name.replace('" "', ".") for name in kept} == {
        "google_kms_crypto_key.log",
        "google_kms_key_ring.this",
        "google_logging_project_bucket_config.requests",
        "google_resource_manager_lien.this",
        "google_storage_bucket.body",
        "google_storage_bucket.evidence",
    }


def test_a_gateway_creates_and_neither_reads_nor_deletes():
    rows = grants.of_plan(plans(FOLDER)[ALL_GIVEN], PROJECT)

    assert {role for account, role, _ in rows if account == "the gateway project's `gateway`"} == {
        "roles/storage.objectCreator"
    }


def test_only_the_sequencer_signs():
    rows = grants.of_plan(plans(FOLDER)[ALL_GIVEN], PROJECT)

    assert {(account, on) for account, role, on in rows if role in SIGNS} == {("`sequencer`", "key `log`")}


def test_nothing_is_granted_on_the_project_without_a_condition_but_logging():
    rows = grants.of_plan(plans(FOLDER)[ALL_GIVEN], PROJECT)

    assert {(account, role) for account, role, on in rows if on == "the project"} == {
        ("`builder`", "roles/logging.logWriter")
    }
