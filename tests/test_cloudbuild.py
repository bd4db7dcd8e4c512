"""cloudbuild.yaml is what Cloud Build takes, and its local steps run here as they stand.

What needs a cloud or a Docker engine is not run; which steps those are is said below, so that a new one must be placed.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from terraform.provider import prepared

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "cloudbuild.yaml").read_text(encoding="utf-8")
BUILD: dict[str, Any] = yaml.safe_load(TEXT)
STEPS: dict[str, dict[str, Any]] = {step["id"]: step for step in BUILD["steps"]}
LOCAL = {"check": "check", "build-wheel": "wheel", "pack-functions": "functions-zip"}  # step to target
ELSEWHERE = {"build-image", "export-sbom", "plan", "ask-for-approval", "fetch-plan", "apply"}
APPROVED = {"fetch-plan", "export-sbom", "apply"}
VERBS = {"check", "build", "pack", "export", "validate", "plan", "ask", "fetch", "apply"}
BUILT_IN = {"BUILD_ID", "COMMIT_SHA", "PROJECT_ID"}

# Cloud Build API v1, Build, BuildStep and BuildOptions; those that a file may set.
KEYS = {
    "artifacts", "availableSecrets", "images", "logsBucket", "options", "queueTtl", "serviceAccount", "source", "steps",
    "substitutions", "tags", "timeout",
}  # fmt: skip
STEP_KEYS = {
    "allowExitCodes", "allowFailure", "args", "automapSubstitutions", "dir", "entrypoint", "env", "id", "name",
    "script", "secretEnv", "timeout", "volumes", "waitFor",
}  # fmt: skip
OPTION_KEYS = {
    "automapSubstitutions", "defaultLogsBucketBehavior", "diskSizeGb", "dynamicSubstitutions", "env",
    "logStreamingOption", "logging", "machineType", "pool", "requestedVerifyOption", "secretEnv",
    "sourceProvenanceHash", "substitutionOption", "volumes",
}  # fmt: skip


def test_it_is_read_in_one_sitting():
    assert len(TEXT.splitlines()) < 120


def test_only_known_keys_are_used():
    """Cloud Build API v1: an unknown key is an error."""
    assert BUILD.keys() <= KEYS
    assert BUILD["options"].keys() <= OPTION_KEYS
    for step in BUILD["steps"]:
        assert step.keys() <= STEP_KEYS, step["id"]
        assert not ("script" in step and step.keys() & {"args", "entrypoint"}), step["id"]


def test_every_step_is_a_verb_of_its_own():
    assert len(STEPS) == len(BUILD["steps"])
    assert {name.split("-")[0] for name in STEPS} <= VERBS


def test_no_step_waits_for_one_that_is_not_before_it():
    seen = {"-"}
    for name, step in STEPS.items():
        assert set(step.get("waitFor", ())) <= seen, name
        seen.add(name)


def test_the_order_is_check_build_plan_ask_apply():
    order = list(STEPS)

    assert (
        order.index("check") < order.index("build-wheel") < order.index("pack-functions") < order.index("build-image")
    )
    assert order.index("build-image") < order.index("plan") < order.index("ask-for-approval") < order.index("apply")


@pytest.mark.parametrize("name", STEPS)
def test_a_builder_is_named_by_its_digest(name: str):
    """A digest that is a variable of its own cannot be given as a tag."""
    assert re.fullmatch(r"[a-z0-9./-]+@sha256:(\$\{_[A-Z]+_SHA256\}|[0-9a-f]{64})", STEPS[name]["name"])


def test_no_digest_has_a_default():
    assert not [name for name in BUILD["substitutions"] if name.endswith("_SHA256")]


def test_provenance_is_asked_for_and_signed_for_the_image():
    assert BUILD["options"]["requestedVerifyOption"] == "VERIFIED"
    assert BUILD["images"] == ["${_REGION}-docker.pkg.dev/${PROJECT_ID}/${_PREFIX}/gateway:${BUILD_ID}"]


@pytest.mark.parametrize("name", STEPS)
def test_a_script_reads_only_what_it_is_given(name: str):
    """Cloud Build substitutes nothing in a script; it sees the variables of options.env."""
    given = {line.partition("=")[0] for line in BUILD["options"]["env"]}

    assert set(re.findall(r"\$\{?([A-Z_]+)", STEPS[name]["script"])) <= given


def test_every_substitution_is_used_and_a_default_is_only_for_what_is_used():
    used = set(re.findall(r"\$\{(\w+)\}", re.sub(r"^ *#.*$", "", TEXT, flags=re.MULTILINE)))

    assert used - BUILT_IN >= set(BUILD["substitutions"])
    assert all(name.startswith("_") for name in used - BUILT_IN)


@pytest.mark.parametrize("name", sorted(STEPS.keys() - {"build-image"}))
def test_a_step_belongs_to_one_stage(name: str, tmp_path: Path):
    """What is applied was planned by another build: nothing is made or planned after the approval."""
    stage = "plan" if name in APPROVED else "apply"

    done = script(name, tmp_path, stage=stage)

    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""


def test_an_image_is_never_made_after_the_approval(tmp_path: Path):
    tool(tmp_path, "docker", 'echo "docker $1"; [ "$1" != pull ]')

    done = script("build-image", tmp_path, stage="apply")

    assert done.returncode != 0
    assert done.stdout == "docker pull\n"


def test_nothing_is_started_before_the_approval(tmp_path: Path):
    """Whoever could start the other trigger could act as its account, and needed no approval: people start it."""
    tool(tmp_path, "tar", "exit")
    tool(tmp_path, "gcloud", 'echo "$*" >> asked')

    done = script("ask-for-approval", tmp_path, stage="plan")

    assert (tmp_path / "asked").read_text(encoding="ascii") == "storage cp plan.tgz gs://given/plans/given.tgz\n"
    assert done.stdout == (
        "gcloud builds triggers run given-apply --region=given --sha=given --substitutions=_PLAN=given\n"
    )


@pytest.mark.parametrize(("planned", "is_taken"), [("gateway@sha256:1", True), ("gateway@sha256:2", False)])
def test_a_plan_of_another_image_than_the_commits_is_not_applied(planned: str, is_taken: bool, tmp_path: Path):
    (tmp_path / "image.txt").write_text("gateway@sha256:1", encoding="ascii")
    tool(tmp_path, "gcloud", "exit")
    tool(tmp_path, "tar", f"printf {planned} > image.txt")

    done = script("fetch-plan", tmp_path, stage="apply")

    assert (done.returncode == 0) is is_taken


def test_what_is_pushed_runs_as_an_account_that_changes_nothing():
    """The plan's steps are what was pushed, and run before anybody has approved of it."""
    page = (ROOT / "terraform" / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    accounts = {
        name: re.search(r'--service-account="[^"]*/(\S+?)@', line)[1]
        for name, line in re.findall(r"builds triggers create \w+ (?=.*--name=(\w+-\w+))(.*)", page)
    }
    roles = {account: set() for account in accounts.values()}
    for role, account in re.findall(r'--role=(\S+) +--member="serviceAccount:([a-z-]+)@', page):
        roles.setdefault(account, set()).add(role)

    assert accounts == {"acme-plan": "acme-plan", "acme-apply": "acme-apply"}
    assert roles["acme-plan"] == {
        "roles/artifactregistry.writer",
        "roles/iam.securityReviewer",
        "roles/logging.logWriter",
        "roles/secretmanager.secretAccessor",
        "roles/storage.objectCreator",
        "roles/storage.objectViewer",
        "roles/viewer",
    }
    assert re.search(r"secrets add-iam-policy-binding acme-config .*secretAccessor", page)
    assert re.search(r"repositories add-iam-policy-binding acme .*artifactregistry.writer", page)
    assert re.search(r"storage.objectCreator .*/objects/plans/", page)


def test_every_step_is_placed():
    assert STEPS.keys() == LOCAL.keys() | {"validate"} | ELSEWHERE


def test_the_gateways_root_is_valid_to_its_step(tmp_path: Path):
    """The script runs as it stands, but for the bucket of states, which `init` is told to leave alone."""
    copy, environment = prepared()
    shutil.copytree(copy, tmp_path / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    # One word at a time from the front of "$@" to its end, so that all are looked at once.
    leave = (
        'for word; do shift; case "$word" in -backend-config*) word=-backend=false;; esac; set -- "$@" "$word"; done'
    )
    tools = tmp_path / "tools"
    tools.mkdir()
    tool(tools, "terraform", f'{leave}\nexec {which("terraform")} "$@"')

    done = script("validate", tmp_path, stage="plan", environment=environment, tools=tools)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "The configuration is valid" in done.stdout


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_step_asks_make_for_what_it_can_make(name: str, tmp_path: Path):
    """The script runs; make says what it would run, since other tests run each of these targets in earnest."""
    tool(tmp_path, "make", f'echo "target $*"; exec {which("make")} -C "{ROOT}" -n "$@"')

    done = script(name, tmp_path, stage="plan")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"target {LOCAL[name]}\n")


def script(
    name: str,
    folder: Path,
    *,
    stage: str,
    environment: Mapping[str, str] = MappingProxyType({}),
    tools: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one step's script in a folder, with the tools of that or another folder before all others."""
    given = {line.partition("=")[0]: "given" for line in BUILD["options"]["env"]}
    told = {**environment, **given, "STAGE": stage, "PATH": f"{tools or folder}:{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", "-c", STEPS[name]["script"]], cwd=folder, env=told, capture_output=True, text=True, check=False
    )


def tool(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    path.chmod(0o755)


def which(name: str) -> str:
    return subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
