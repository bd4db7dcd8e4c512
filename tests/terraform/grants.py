"""Who may do what: as a plan says it, and as the table in a root's README says it.

A row is an account, a role, and what the role is on, with the condition's title where there is one.
"""

import re
from collections.abc import Iterable

from terraform.provider import SOURCES
from terraform.suite import Planned

HEADING = "| account | role | on |"
Row = tuple[str, str, str]

# What a grant is on, by the resource that makes it: a noun, and the attribute that names it. A new kind is placed here.
ON = {
    "google_artifact_registry_repository_iam_member": ("repository", "repository"),
    "google_cloud_run_v2_service_iam_member": ("function", "name"),
    "google_kms_crypto_key_iam_member": ("key", "crypto_key_id"),
    "google_project_iam_member": ("the project", None),
    "google_pubsub_subscription_iam_member": ("subscription", "subscription"),
    "google_pubsub_topic_iam_member": ("topic", "topic"),
    "google_secret_manager_secret_iam_member": ("secret", "secret_id"),
    "google_service_account_iam_member": ("account", "service_account_id"),
    "google_storage_bucket_iam_member": ("bucket", "bucket"),
}
NO_GRANT = {"google_project_iam_audit_config", "google_project_iam_custom_role"}  # though they are called IAM
AGENTS = {"gcp-sa-logging": "Logging's service agent", "gcp-sa-pubsub": "Pub/Sub's service agent"}


def of_plan(plan: Iterable[Planned], project: str) -> set[Row]:
    """Return each grant of a plan of one project."""
    return {
        (_account(made.values["member"], project), _role(made.values["role"]), _on(made))
        for made in plan
        if "_iam_" in made.type and made.type not in NO_GRANT
    }


def of_readme(folder: str) -> set[Row]:
    """Return each row of the table; a row without a role says that an account has none."""
    text = (SOURCES / folder / "README.md").read_text(encoding="utf-8")
    table = text.partition(HEADING)[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[1:]]
    return {(account, role.strip("`"), on) for account, role, on in rows if role}


def without_any(folder: str) -> set[str]:
    """Return the accounts of which the table says that they may nothing."""
    text = (SOURCES / folder / "README.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| (`[a-z-]+`) \| \| nothing", text, re.MULTILINE))


def _account(member: str, project: str) -> str:
    kind, _, email = member.partition(":")
    name, _, domain = email.partition("@")
    if kind == "group":
        return "group `auditors_group`"
    if kind != "serviceAccount":
        return member
    if domain.split(".")[0] in AGENTS:
        return AGENTS[domain.split(".")[0]]
    own = f"`{name.removeprefix('acme-')}`"
    where = domain.split(".")[0]
    return own if where == project else f"the {where.split('-')[1]} project's {own}"


def _role(role: str) -> str:
    return re.sub(r"^projects/[^/]+/roles/acme_", "", role)


def _on(made: Planned) -> str:
    noun, attribute = ON[made.type]
    name = "" if attribute is None else made.values[attribute].rpartition("/")[2].partition("@")[0]
    of_class = re.sub(r"^acme-body-.*", "acme-body-<class>", name)
    called = f" `{re.sub('^acme-', '<prefix>-', of_class)}`" if name else ""
    only = "".join(f", {condition['title']}" for condition in made.values.get("condition") or [])
    return f"{noun}{called}{only}"
