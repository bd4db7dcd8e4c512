# The log's key. It never leaves KMS, and the sequencer alone signs with it.

resource "google_kms_key_ring" "this" {
  project  = var.project
  name     = var.prefix
  location = var.region

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_kms_crypto_key" "log" {
  # checkov:skip=CKV_GCP_43:KMS rotates no signing keys, and the log's key is its name to auditors
  name                       = "log"
  key_ring                   = google_kms_key_ring.this.id
  purpose                    = "ASYMMETRIC_SIGN"
  destroy_scheduled_duration = "2592000s" # 30 days to take a destruction back; cannot be changed later
  deletion_policy            = "PREVENT"

  version_template {
    algorithm        = "EC_SIGN_ED25519"
    protection_level = var.protection_level
  }

  lifecycle {
    prevent_destroy = true
  }
}

locals {
  key_version = "${google_kms_crypto_key.log.id}/cryptoKeyVersions/${var.key_version}"
}

resource "google_kms_crypto_key_iam_member" "sequencer_signs" {
  crypto_key_id = google_kms_crypto_key.log.id
  role          = "roles/cloudkms.signer"
  member        = google_service_account.sequencer.member
}

resource "google_kms_crypto_key_iam_member" "readers_see_public_key" {
  for_each = local.readers

  crypto_key_id = google_kms_crypto_key.log.id
  role          = "roles/cloudkms.publicKeyViewer"
  member        = each.value
}
