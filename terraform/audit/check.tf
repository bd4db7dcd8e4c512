# How far the checker has verified. Its own alone, so that nobody can make it believe that it has seen what it has not.

resource "google_storage_bucket" "check" {
  # checkov:skip=CKV_GCP_62:access is in the data access logs of project.tf, which go to a locked bucket
  # checkov:skip=CKV_GCP_78:what it holds is verified anew when it is gone
  project                     = var.project
  name                        = "${var.prefix}-check"
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

resource "google_storage_bucket_iam_member" "checker_keeps_check" {
  bucket = google_storage_bucket.check.name
  role   = google_project_iam_custom_role.keeper.name
  member = google_service_account.checker.member
}
