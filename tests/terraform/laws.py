"""What holds for every plan of every root: nobody is public, nothing that holds something is destroyed by mistake."""

import json
from collections.abc import Iterable

from terraform.suite import Planned

PUBLIC = ("allUsers", "allAuthenticatedUsers")

# How each kind of resource says that it is not to be destroyed.
PROTECTED = {
    "google_artifact_registry_repository": ("deletion_policy", "PREVENT"),
    "google_cloud_run_v2_service": ("deletion_protection", True),
    "google_cloud_scheduler_job": ("deletion_policy", "PREVENT"),
    "google_cloudfunctions2_function": ("deletion_policy", "PREVENT"),
    "google_firestore_database": ("delete_protection_state", "DELETE_PROTECTION_ENABLED"),
    "google_kms_crypto_key": ("deletion_policy", "PREVENT"),
    "google_logging_metric": ("deletion_policy", "PREVENT"),
    "google_logging_project_bucket_config": ("deletion_policy", "PREVENT"),
    "google_logging_project_sink": ("deletion_policy", "PREVENT"),
    "google_monitoring_alert_policy": ("deletion_policy", "PREVENT"),
    "google_monitoring_notification_channel": ("deletion_policy", "PREVENT"),
    "google_project_iam_custom_role": ("deletion_policy", "PREVENT"),
    "google_pubsub_subscription": ("deletion_policy", "PREVENT"),
    "google_pubsub_topic": ("deletion_policy", "PREVENT"),
    "google_resource_manager_lien": ("deletion_policy", "PREVENT"),
    "google_secret_manager_secret": ("deletion_protection", True),
    "google_service_account": ("deletion_policy", "PREVENT"),
    "google_storage_bucket": ("deletion_policy", "PREVENT"),
}
# What holds nothing, or is replaced as a matter of course: grants, a zip by its hash, a version of the configuration
# that is disabled instead, the load balancer's parts. A key ring cannot be deleted at all.
NEED_NONE = (
    "google_compute_", "google_kms_key_ring", "google_secret_manager_secret_version", "google_storage_bucket_object",
)  # fmt: skip


def public(plan: Iterable[Planned]) -> list[str]:
    """Return what names everybody, in whatever attribute."""
    return [made.address for made in plan if any(f'"{who}"' in json.dumps(made.values) for who in PUBLIC)]


def authoritative(plan: Iterable[Planned]) -> list[str]:
    """Return grants that would take others' away."""
    return [made.address for made in plan if made.type.endswith(("_iam_binding", "_iam_policy"))]


def unprotected(plan: Iterable[Planned]) -> list[str]:
    """Return what a plan could destroy and should not."""
    return [made.address for made in plan if not _is_protected(made)]


def _is_protected(made: Planned) -> bool:
    if made.type in PROTECTED:
        attribute, value = PROTECTED[made.type]
        return bool(made.values.get(attribute) == value)
    return made.type.startswith(NEED_NONE) or "_iam_" in made.type


def open_to_everybody(plan: Iterable[Planned]) -> set[str]:
    """Return the services that check no invoker."""
    return {made.values["name"] for made in plan if made.values.get("invoker_iam_disabled")}
