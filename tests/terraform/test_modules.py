"""Terraform's modules, and what holds for all of its files."""

import re

import pytest

import check_terraform
from terraform import grants, laws
from terraform.provider import SOURCES, folders, not_ours, terraform
from terraform.suite import Planned, ends, names

MODULES = [folder for folder in folders() if folder.startswith("modules/")]
RUNS = [(folder, *run) for folder in MODULES for run in names(folder)]
FILES = sorted(path for path in SOURCES.rglob("*.tf") if ".terraform" not in path.parts and path.name != "backend.tf")


@pytest.mark.parametrize("run", RUNS, ids="/".join)
def test_a_run_of_terraforms_own_tests(run: tuple[str, str, str]):
    folder, file, name = run
    end = ends(folder)[file, name]

    assert end.status == "pass", end.said


@pytest.mark.parametrize("folder", MODULES)
def test_it_is_valid(folder: str):
    done = terraform(folder, "validate", "-no-color")

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_folder_has_tests():
    assert set(folders()) == {str(path.parent.relative_to(SOURCES)) for path in FILES}


def test_it_is_formatted():
    done = terraform(".", "fmt", "-check", "-recursive", "-no-color")

    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "variables.tf"], ids=str)
def test_variables_are_in_order_and_each_says_what_it_is(path):
    """style "Terraform": alphabetical, with description; validation, except where any text will do."""
    blocks = re.findall(r'^variable "(\w+)" {\n(.*?)^}', path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    named = [name for name, _ in blocks]

    assert named == sorted(named)
    assert [name for name, body in blocks if "description = " not in body] == []
    assert {name for name, body in blocks if "validation {" not in body} <= {"description", "package"}


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "versions.tf"], ids=str)
def test_versions_are_pinned_alike(path):
    text = path.read_text(encoding="utf-8")

    assert 'required_version = ">= 1.11"' in text
    assert 'version = "~> 7.45"' in text


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_a_grant_to_everybody_is_found():
    """The laws themselves: one that finds nothing would hold for anything."""
    made = Planned("google_x_iam_member.y", "google_storage_bucket_iam_member", {"member": "allUsers"})

    assert laws.public([made]) == [made.address]
    assert laws.public([Planned("z", "google_x", {"members": ["allAuthenticatedUsers"]})]) == ["z"]
    assert laws.public([Planned("z", "google_x", {"member": "serviceAccount:allUsers-report@p.iam"})]) == []


def test_what_may_be_destroyed_is_found():
    kept = {"deletion_policy": "PREVENT"}

    assert laws.unprotected([Planned("a", "google_storage_bucket", {"deletion_policy": "DELETE"})]) == ["a"]
    assert laws.unprotected([Planned("a", "google_storage_bucket", kept)]) == []
    assert laws.unprotected([Planned("b", "google_of_a_new_kind", kept)]) == ["b"]


def test_a_grant_of_a_kind_that_is_not_placed_is_no_row():
    made = Planned("c", "google_new_thing_iam_member", {"member": "serviceAccount:x@p.iam", "role": "roles/owner"})

    with pytest.raises(KeyError):
        grants.of_plan([made], "p")


def test_tests_never_see_somebodys_deployment():
    """A person's variables or state would decide what the plans say."""
    there = [".terraform", ".terraform.lock.hcl", "audit.auto.tfvars.json", "backend.tf", "key.tf", "terraform.tfvars"]

    assert not_ours(str(SOURCES / "audit"), there) == {*there} - {"key.tf"}
    assert not_ours(str(SOURCES / "audit" / "tests"), ["acme.auto.tfvars"]) == set()


def test_every_exception_from_checkov_has_a_reason():
    assert list(check_terraform._unexplained()) == []


def test_an_exception_that_suppresses_nothing_is_found():
    written = [(f"/{path.relative_to(SOURCES)}", check) for path, check, _ in check_terraform._exceptions()]
    used = [{"file_path": path, "check_id": check} for path, check in written]

    assert list(check_terraform._unneeded({"skipped_checks": used})) == []
    assert len(list(check_terraform._unneeded({"skipped_checks": used[1:]}))) == 1
