"""cloudbuild.yaml is what Cloud Build takes, and its local steps run here as they stand.

What needs a cloud or a Docker engine is not run; which steps those are is said below, so that a new one must be placed.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "cloudbuild.yaml").read_text(encoding="utf-8")
BUILD: dict[str, Any] = yaml.safe_load(TEXT)
STEPS: dict[str, dict[str, Any]] = {step["id"]: step for step in BUILD["steps"]}
LOCAL = {"check": "check", "build-wheel": "wheel", "pack-functions": "functions-zip"}  # step to target
ELSEWHERE = {"build-image", "export-sbom", "validate", "plan", "ask-for-approval", "fetch-plan", "apply"}
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
    stage = "plan" if name in {"fetch-plan", "apply"} else "apply"

    done = script(name, tmp_path, stage=stage)

    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""


def test_an_image_is_never_made_after_the_approval(tmp_path: Path):
    tool(tmp_path, "docker", 'echo "docker $1"; [ "$1" != pull ]')

    done = script("build-image", tmp_path, stage="apply")

    assert done.returncode != 0
    assert done.stdout == "docker pull\n"


def test_every_step_is_placed():
    assert STEPS.keys() == LOCAL.keys() | ELSEWHERE


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_step_asks_make_for_what_it_can_make(name: str, tmp_path: Path):
    """The script runs; make says what it would run, since other tests run each of these targets in earnest."""
    tool(tmp_path, "make", f'echo "target $*"; exec {which("make")} -C "{ROOT}" -n "$@"')

    done = script(name, tmp_path, stage="plan")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"target {LOCAL[name]}\n")


def script(name: str, folder: Path, *, stage: str) -> subprocess.CompletedProcess[str]:
    """Run one step's script in an empty folder, with the tools of that folder before all others."""
    environment = {
        line.partition("=")[0]: "given" for line in BUILD["options"]["env"]
    } | {"STAGE": stage, "PATH": f"{folder}:{os.environ['PATH']}"}  # fmt: skip
    return subprocess.run(
        ["sh", "-c", STEPS[name]["script"]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def tool(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    path.chmod(0o755)


def which(name: str) -> str:
    return subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
