"""A bucket: is it there, is what lies in it kept, and what may this account do with it.

Source: google-cloud "Cloud Storage"; Cloud Storage JSON API, `Buckets`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from affidavit.adapters.gcp.inspection.deployment import WRITTEN, Bucket
from affidavit.adapters.gcp.inspection.finding import Findings, fine, unseen, wrong
from affidavit.adapters.gcp.inspection.rest import Account, Denied, Missing, Rest

CREATE = "storage.objects.create"
PROBE = "affidavit-doctor"  # what an object would be called that is never made
_DAY = 24 * 60 * 60  # seconds

_ROLES = {
    "storage.objects.get": "roles/storage.objectViewer",
    "storage.objects.list": "roles/storage.objectViewer",
    "storage.objects.create": "roles/storage.objectCreator",
    "storage.objects.delete": "roles/storage.objectUser",
}


def look_at_bucket(rest: Rest, bucket: Bucket, account: Account) -> Findings:
    """Yield what is found of one bucket."""
    about = f"bucket {bucket.name}"
    try:
        held = rest.held("storage", bucket.name, bucket.needs | bucket.never | {CREATE})
    except Missing:
        yield wrong(about, "there is no such bucket", _make(bucket))
        return
    except Denied as error:
        yield wrong(about, f"its permissions cannot be asked: {error}", error.mend or _see(bucket))
        return
    yield from _permissions(rest, bucket, account, held)
    yield from _settings(rest, bucket)


def look_at_creation(rest: Rest, bucket: Bucket, account: Account) -> Findings:
    """Yield only whether what has to be written can be; what a process looks at each time it starts."""
    about = f"bucket {bucket.name}"
    for prefix in bucket.creates:
        try:
            allowed = rest.may_create(bucket.name, prefix + PROBE)
        except Missing:
            yield wrong(about, "there is no such bucket", _make(bucket))
            return
        where = f" under {prefix}" if prefix else ""
        if allowed:
            yield fine(about, f"this account may create objects{where}")
        else:
            yield wrong(about, f"this account may not create objects{where}", _grant(bucket, account, CREATE))


def _permissions(rest: Rest, bucket: Bucket, account: Account, held: frozenset[str]) -> Findings:
    about = f"bucket {bucket.name}"
    lacking = sorted(bucket.needs - held)
    for permission in lacking:
        yield wrong(about, f"this account lacks {permission}", _grant(bucket, account, permission))
    if bucket.needs and not lacking:
        yield fine(about, f"this account holds {', '.join(sorted(bucket.needs))}")
    if bucket.creates:
        yield from _creation(rest, bucket, account, held)
    too_much = sorted(bucket.never & held)
    if too_much and not account.is_service:
        yield unseen(about, f"what its account may do too much: this is you, who hold {', '.join(too_much)}")
    elif too_much:
        yield wrong(about, f"this account holds {', '.join(too_much)}, and must not", _revoke(bucket, account))
    elif bucket.never:
        yield fine(about, "this account can do nothing there that it must not")


def _creation(rest: Rest, bucket: Bucket, account: Account, held: frozenset[str]) -> Findings:
    about = f"bucket {bucket.name}"
    if CREATE not in held:
        yield from look_at_creation(rest, bucket, account)
    elif bucket.creates == WRITTEN and account.is_service:
        says = "this account may create objects anywhere in it, commits among them, and not only under "
        yield wrong(about, says + " and ".join(WRITTEN), _revoke(bucket, account))
    else:
        yield fine(about, "this account may create objects")


def _settings(rest: Rest, bucket: Bucket) -> Findings:
    about = f"bucket {bucket.name}"
    try:
        found = rest.get("storage", f"storage/v1/b/{quote(bucket.name, safe='')}")
    except Denied:
        yield unseen(about, "its settings (retention, versions, public access): this account may not look at them")
        return
    url = f"gs://{bucket.name}"
    if bucket.locked:
        yield from _retention(bucket, found)
    if found.get("versioning", {}).get("enabled"):
        says = "versioning is on: what is replaced or deleted looks gone, and is not"
        yield wrong(about, says, f"gcloud storage buckets update {url} --no-versioning")
    access = found.get("iamConfiguration", {})
    if access.get("publicAccessPrevention") != "enforced":
        says = "public access is not prevented"
        yield wrong(about, says, f"gcloud storage buckets update {url} --public-access-prevention")
    if not access.get("uniformBucketLevelAccess", {}).get("enabled"):
        says = "access is granted object by object, too"
        yield wrong(about, says, f"gcloud storage buckets update {url} --uniform-bucket-level-access")
    if bucket.outlives and (key := found.get("encryption", {}).get("defaultKmsKeyName")):
        says = f"it is encrypted with {key}: whoever destroys that key destroys the evidence"
        yield wrong(about, says, f"gcloud storage buckets update {url} --clear-default-encryption-key")


def _retention(bucket: Bucket, found: dict[str, Any]) -> Findings:
    about, url = f"bucket {bucket.name}", f"gs://{bucket.name}"
    policy = found.get("retentionPolicy", {})
    seconds = int(policy.get("retentionPeriod", 0))
    least = (bucket.days or 0) * _DAY
    if not seconds or seconds < least:
        kept = f"{seconds // _DAY} days" if seconds else "no time at all"
        says = f"what lies in it is kept for {kept}" + (f", and must be for {bucket.days} days" if least else "")
        days = f"{bucket.days}d" if least else "PERIOD"
        yield wrong(about, says, f"gcloud storage buckets update {url} --retention-period={days}")
    elif least:
        yield fine(about, f"what lies in it is kept for {seconds // _DAY} days, of at least {bucket.days}")
    if policy.get("isLocked"):
        yield fine(about, "its retention is locked")
    else:
        says = "its retention is not locked: whoever may update the bucket can take it away"
        yield wrong(about, says, f"gcloud storage buckets update {url} --lock-retention-period")


def _make(bucket: Bucket) -> str:
    kept = f" --retention-period={bucket.days}d" if bucket.days else ""
    return (
        f"gcloud storage buckets create gs://{bucket.name} --project=PROJECT --location=LOCATION "
        f"--uniform-bucket-level-access --public-access-prevention{kept}"
    )


def _see(bucket: Bucket) -> str:
    return f"gcloud storage buckets get-iam-policy gs://{bucket.name}"


def _grant(bucket: Bucket, account: Account, permission: str) -> str:
    role = _ROLES[permission]
    return f"gcloud storage buckets add-iam-policy-binding gs://{bucket.name} --member={account.member} --role={role}"


def _revoke(bucket: Bucket, account: Account) -> str:
    return (
        f"{_see(bucket)}  # then: gcloud storage buckets remove-iam-policy-binding gs://{bucket.name} "
        f"--member={account.member} --role=ROLE"
    )
