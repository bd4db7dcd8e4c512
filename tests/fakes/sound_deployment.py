"""A deployment in which nothing is wrong, for tests that then break one thing."""

from typing import Any

from fakes.google_rest import GoogleRest

GATEWAY = "acme-gateway@acme-gateway-1.iam.gserviceaccount.com"
TOPIC = "projects/acme-gateway-1/topics/acme-evidence"
SUBSCRIPTION = "projects/acme-gateway-1/subscriptions/acme-evidence-write"
DEAD_TOPIC = "projects/acme-gateway-1/topics/acme-evidence-dead"
DEAD = "projects/acme-gateway-1/subscriptions/acme-evidence-dead"
SECRET = "projects/acme-gateway-1/secrets/acme-deployment"
KEY = "projects/acme-audit-1/locations/europe-west1/keyRings/acme/cryptoKeys/log"
BODIES = {"standard": "acme-body-standard", "payroll": "acme-body-payroll"}

PROXY = {
    "AFFIDAVIT_PROJECT": "acme-gateway-1",
    "AFFIDAVIT_EVIDENCE_BUCKET": "acme-evidence",
    "AFFIDAVIT_BODY_BUCKETS": ",".join(f"{name}={bucket}" for name, bucket in BODIES.items()),
    "AFFIDAVIT_EVIDENCE_TOPIC": TOPIC,
    "AFFIDAVIT_DEPLOYMENT_SECRET": f"{SECRET}/versions/1",
}
SEQUENCER = {
    "AFFIDAVIT_ORIGIN": "gateway.example.com/audit",
    "AFFIDAVIT_EVIDENCE_BUCKET": "acme-evidence",
    "AFFIDAVIT_BODY_BUCKETS": PROXY["AFFIDAVIT_BODY_BUCKETS"],
    "AFFIDAVIT_LOG_BUCKET": "acme-log",
    "AFFIDAVIT_LOG_KEY": f"{KEY}/cryptoKeyVersions/1",
    "AFFIDAVIT_RETENTION": "standard=400,payroll=90",
    "AFFIDAVIT_WRITERS": f"gateway={GATEWAY}",
}
CHECKER = {
    "AFFIDAVIT_ORIGIN": "gateway.example.com/audit",
    "AFFIDAVIT_EVIDENCE_BUCKET": "acme-evidence",
    "AFFIDAVIT_BODY_BUCKETS": PROXY["AFFIDAVIT_BODY_BUCKETS"],
    "AFFIDAVIT_QUARANTINE_BUCKET": "acme-quarantine",
    "AFFIDAVIT_LOG_BUCKET": "acme-log",
    "AFFIDAVIT_CHECK_BUCKET": "acme-check",
    "AFFIDAVIT_LOG_KEY": f"{KEY}/cryptoKeyVersions/1",
    "AFFIDAVIT_DEAD_LETTERS": DEAD,
}
WRITER = {
    "AFFIDAVIT_ORIGIN": "gateway.example.com/audit",
    "AFFIDAVIT_EVIDENCE_BUCKET": "acme-evidence",
    "AFFIDAVIT_BODY_BUCKETS": PROXY["AFFIDAVIT_BODY_BUCKETS"],
    "AFFIDAVIT_QUARANTINE_BUCKET": "acme-quarantine",
}


def bucket(days: int | None) -> dict[str, Any]:
    """Return a bucket as the JSON API shows it."""
    kept = {"retentionPeriod": str((days or 0) * 86_400), "effectiveTime": "2026-11-01T00:00:00Z", "isLocked": True}
    return {
        "kind": "storage#bucket",
        "projectNumber": "456",
        "location": "EUROPE-WEST1",
        **({"retentionPolicy": kept} if days else {}),
        "iamConfiguration": {
            "uniformBucketLevelAccess": {"enabled": True, "lockedTime": "2027-01-01T00:00:00Z"},
            "publicAccessPrevention": "enforced",
        },
        "softDeletePolicy": {"retentionDurationSeconds": "0"},
    }


def build(google: GoogleRest) -> None:
    """Put a sound deployment there."""
    for name, days in (
        ("acme-evidence", 3650),
        ("acme-body-standard", 400),
        ("acme-body-payroll", 90),
        ("acme-quarantine", None),
        ("acme-log", None),
        ("acme-check", None),
    ):
        google.things["storage", f"storage/v1/b/{name}"] = bucket(days)
    google.uploads = {"acme-evidence": ("writer/", "segment/"), **dict.fromkeys(BODIES.values(), ("",))}
    google.held[TOPIC] = {"pubsub.topics.publish"}
    google.things["pubsub", f"v1/{TOPIC}"] = {"name": TOPIC, "messageRetentionDuration": "2678400s"}
    google.things["pubsub", f"v1/{TOPIC}/subscriptions"] = {"subscriptions": [SUBSCRIPTION]}
    google.things["pubsub", f"v1/{SUBSCRIPTION}"] = {
        "name": SUBSCRIPTION,
        "topic": TOPIC,
        "expirationPolicy": {},
        "messageRetentionDuration": "2678400s",
        "pushConfig": {"pushEndpoint": "https://acme-write-evidence.a.run.app"},
        "deadLetterPolicy": {"deadLetterTopic": DEAD_TOPIC, "maxDeliveryAttempts": 20},
    }
    google.things["pubsub", f"v1/{DEAD_TOPIC}"] = {"name": DEAD_TOPIC}
    google.things["pubsub", f"v1/{DEAD_TOPIC}/subscriptions"] = {"subscriptions": [DEAD]}
    google.things["pubsub", f"v1/{DEAD}"] = {
        "name": DEAD,
        "topic": DEAD_TOPIC,
        "expirationPolicy": {},
        "messageRetentionDuration": "2678400s",
    }
    google.held[SECRET] = {"secretmanager.versions.access"}
    google.things["secretmanager", f"v1/{SECRET}/versions/1"] = {"name": f"{SECRET}/versions/1", "state": "ENABLED"}
    google.things["firestore", "v1/projects/acme-gateway-1/databases/(default)"] = {
        "name": "projects/acme-gateway-1/databases/(default)",
        "type": "FIRESTORE_NATIVE",
        "deleteProtectionState": "DELETE_PROTECTION_ENABLED",
        "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED",
    }
    google.things["cloudkms", f"v1/{KEY}/cryptoKeyVersions/1/publicKey"] = {
        "pem": "…",
        "algorithm": "EC_SIGN_ED25519",
        "protectionLevel": "SOFTWARE",
    }
