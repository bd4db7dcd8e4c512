# What was published and is no evidence: malformed, forged, of a writer that never registered. Kept for as long as the
# longest class of bodies, since it may hold some, then gone.

resource "google_storage_bucket" "quarantine" {
  # checkov:skip=CKV_GCP_62:access is in the data access logs of project.tf, which go to a locked bucket
  # checkov:skip=CKV_GCP_78:an object is never replaced
  project                     = var.project
  name                        = "${var.prefix}-quarantine"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  deletion_policy             = "PREVENT"

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age = max(values(var.retention)...)
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 604800 # 7 days
  }

  versioning {
    enabled = false
  }
}

resource "google_storage_bucket_iam_member" "write_evidence_quarantines" {
  for_each = local.write_evidence

  bucket = google_storage_bucket.quarantine.name
  role   = "roles/storage.objectCreator"
  member = each.value
}

resource "google_storage_bucket_iam_member" "readers_read_quarantine" {
  for_each = merge(local.auditors, { checker = google_service_account.checker.member })

  bucket = google_storage_bucket.quarantine.name
  role   = google_project_iam_custom_role.reader.name
  member = each.value
}
