# The evidence bucket: registrations, segments, commits, kept checkpoints. Created once, never replaced, and, once it is
# locked, deleted by nobody before its time.

locals {
  locked        = var.lock != null
  seconds_a_day = 86400
  evidence      = "${var.prefix}-evidence"

  # What an object's full name begins with, in conditions.
  objects = "projects/_/buckets/${local.evidence}/objects"

  written_by_writers   = "resource.name.startsWith(\"${local.objects}/writer/\") || resource.name.startsWith(\"${local.objects}/segment/\")"
  written_by_sequencer = "resource.name.startsWith(\"${local.objects}/commit/\") || resource.name.startsWith(\"${local.objects}/checkpoint/\")"

  # Without the right to list, whoever asks for a registration that is not there is told 403 instead of 404.
  read_by_write_evidence = "resource.name.startsWith(\"${local.objects}/writer/\") || resource.name == \"projects/_/buckets/${local.evidence}\""
}

# No key of one's own: whoever destroyed it would destroy the evidence. No versions: names are taken once.
resource "google_storage_bucket" "evidence" {
  # checkov:skip=CKV_GCP_62:access is in the data access logs of project.tf, which go to a locked bucket
  # checkov:skip=CKV_GCP_78:an object is never replaced, and versions exclude a retention policy
  project                     = var.project
  name                        = local.evidence
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  deletion_policy             = "PREVENT"

  retention_policy {
    is_locked        = local.locked
    retention_period = tostring(var.evidence_days * local.seconds_a_day)
  }

  soft_delete_policy {
    retention_duration_seconds = 7776000 # 90 days, the longest: what is deleted before the lock, or after the period, comes back
  }

  versioning {
    enabled = false
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_storage_bucket_iam_member" "writers_create_evidence" {
  for_each = local.writers

  bucket = google_storage_bucket.evidence.name
  role   = "roles/storage.objectCreator"
  member = each.value

  condition {
    title      = "registrations and segments alone"
    expression = local.written_by_writers
  }
}

resource "google_storage_bucket_iam_member" "write_evidence_reads_registrations" {
  for_each = local.write_evidence

  bucket = google_storage_bucket.evidence.name
  role   = google_project_iam_custom_role.reader.name
  member = each.value

  condition {
    title      = "registrations alone"
    expression = local.read_by_write_evidence
  }
}

resource "google_storage_bucket_iam_member" "sequencer_creates_evidence" {
  bucket = google_storage_bucket.evidence.name
  role   = "roles/storage.objectCreator"
  member = google_service_account.sequencer.member

  condition {
    title      = "commits and checkpoints alone"
    expression = local.written_by_sequencer
  }
}

resource "google_storage_bucket_iam_member" "readers_read_evidence" {
  for_each = local.readers

  bucket = google_storage_bucket.evidence.name
  role   = google_project_iam_custom_role.reader.name
  member = each.value
}
