# One bucket a retention class: what was said is kept for its period, and then it is gone. That it was said stays in the
# evidence bucket.

locals {
  body_buckets = { for class in keys(var.retention) : class => "${var.prefix}-body-${class}" }

  # Each pair of a class and an account.
  body_writers = merge([
    for class in keys(var.retention) : { for name, member in local.writers : "${class}/${name}" => { class = class, member = member } }
  ]...)
  body_readers = merge([
    for class in keys(var.retention) : { for name, member in local.readers : "${class}/${name}" => { class = class, member = member } }
  ]...)
}

resource "google_storage_bucket" "body" {
  # checkov:skip=CKV_GCP_62:access is in the data access logs of project.tf, which go to a locked bucket
  # checkov:skip=CKV_GCP_78:an object is never replaced, and versions exclude a retention policy
  for_each = var.retention

  project                     = var.project
  name                        = local.body_buckets[each.key]
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  deletion_policy             = "PREVENT"

  retention_policy {
    is_locked        = local.locked
    retention_period = tostring(each.value * local.seconds_a_day)
  }

  # An object is at least as young as its records, so it outlives their period.
  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age = each.value
    }
  }

  soft_delete_policy {
    retention_duration_seconds = 0 # disposed is disposed
  }

  versioning {
    enabled = false
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_storage_bucket_iam_member" "writers_create_bodies" {
  for_each = local.body_writers

  bucket = google_storage_bucket.body[each.value.class].name
  role   = "roles/storage.objectCreator"
  member = each.value.member
}

resource "google_storage_bucket_iam_member" "readers_read_bodies" {
  for_each = local.body_readers

  bucket = google_storage_bucket.body[each.value.class].name
  role   = google_project_iam_custom_role.reader.name
  member = each.value.member
}
