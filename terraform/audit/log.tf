# The log bucket: the head and the tiles. Not locked: every byte but the signature can be made again from the evidence, and
# the head is replaced all the time.

resource "google_storage_bucket" "log" {
  # checkov:skip=CKV_GCP_62:access is in the data access logs of project.tf, which go to a locked bucket
  # checkov:skip=CKV_GCP_78:each checkpoint is kept in the evidence bucket under a name of its own
  project                     = var.project
  name                        = "${var.prefix}-log"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  deletion_policy             = "PREVENT"

  soft_delete_policy {
    retention_duration_seconds = 604800 # 7 days
  }

  versioning {
    enabled = false
  }
}

resource "google_storage_bucket_iam_member" "sequencer_keeps_log" {
  bucket = google_storage_bucket.log.name
  role   = google_project_iam_custom_role.keeper.name
  member = google_service_account.sequencer.member
}

resource "google_storage_bucket_iam_member" "readers_read_log" {
  for_each = merge(local.auditors, { checker = google_service_account.checker.member })

  bucket = google_storage_bucket.log.name
  role   = google_project_iam_custom_role.reader.name
  member = each.value
}
