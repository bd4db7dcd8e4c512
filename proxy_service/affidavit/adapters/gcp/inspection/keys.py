"""The log's key: is it there, of the right kind, and what may this account do with it.

Source: google-cloud "KMS"; Cloud KMS REST API v1, `cryptoKeyVersions.getPublicKey`.
"""

from __future__ import annotations

from affidavit.adapters.gcp.inspection.deployment import Key
from affidavit.adapters.gcp.inspection.finding import Findings, fine, wrong
from affidavit.adapters.gcp.inspection.rest import Account, Denied, Missing, Rest, Unusable

ALGORITHM = "EC_SIGN_ED25519"
_KEY_ROLES = {
    "cloudkms.cryptoKeyVersions.useToSign": "roles/cloudkms.signer",
    "cloudkms.cryptoKeyVersions.viewPublicKey": "roles/cloudkms.publicKeyViewer",
}


def look_at_key(rest: Rest, key: Key, account: Account) -> Findings:
    """Yield what is found of the log's key."""
    name, _, number = key.version.partition("/cryptoKeyVersions/")
    about = f"key {name.rpartition('/')[2]}"
    flags = _key_flags(name)
    make = f"gcloud kms keys create {flags} --purpose=asymmetric-signing --default-algorithm=ec-sign-ed25519"
    try:
        algorithm = rest.get("cloudkms", f"v1/{key.version}/publicKey").get("algorithm")
    except Missing:
        yield wrong(about, f"there is no version {number} of such a key", make)
        return
    except Unusable:
        mend = f"gcloud kms keys versions enable {number} --key={flags}"
        yield wrong(about, f"its version {number} is disabled or destroyed", mend)
        return
    except Denied as error:
        says = f"its algorithm cannot be looked at: {error}"
        yield wrong(about, says, error.mend or _grant_key(name, account, "cloudkms.cryptoKeyVersions.viewPublicKey"))
        return
    if algorithm == ALGORITHM:
        yield fine(about, f"it signs with {ALGORITHM}")
    else:  # the algorithm of a key version is what it is
        says = f"it is for {algorithm}, and the log is signed with {ALGORITHM}; a key cannot be changed"
        yield wrong(about, says, make.replace(flags, flags.replace(_id(name), "ANOTHER-NAME", 1)))
    yield from _key_permissions(rest, key, account)


def _key_permissions(rest: Rest, key: Key, account: Account) -> Findings:
    name = key.version.partition("/cryptoKeyVersions/")[0]
    about = f"key {_id(name)}"
    held = rest.held("cloudkms", name, key.needs | key.never)
    for permission in sorted(key.needs - held):
        yield wrong(about, f"this account lacks {permission}", _grant_key(name, account, permission))
    if key.needs <= held:
        yield fine(about, f"this account holds {', '.join(sorted(key.needs))}")
    if account.is_service and (too_much := sorted(key.never & held)):
        see = f"gcloud kms keys get-iam-policy {_key_flags(name)}"
        yield wrong(about, f"this account holds {', '.join(too_much)}, and must not", see)


def _key_flags(name: str) -> str:
    _, project, _, location, _, ring, _, key = name.split("/")
    return f"{key} --keyring={ring} --location={location} --project={project}"


def _grant_key(name: str, account: Account, permission: str) -> str:
    member = f"--member={account.member} --role={_KEY_ROLES[permission]}"
    return f"gcloud kms keys add-iam-policy-binding {_key_flags(name)} {member}"


def _id(name: str) -> str:
    return name.rpartition("/")[2]
