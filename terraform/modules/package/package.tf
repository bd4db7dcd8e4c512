# What functions are built from, and by whom: one zip named by its hash, an account that may build and nothing else, and a
# repository for what it builds. Without them a function is built by the Compute default account, which may do far more.

locals {
  object = "functions-${substr(filesha256(var.zip), 0, 16)}.zip"
}

resource "google_storage_bucket" "this" {
  # checkov:skip=CKV_GCP_62:reads are in the data access logs, which cannot be switched off from inside the bucket
  # checkov:skip=CKV_GCP_78:an object's name holds its hash, so it has no second version
  project                     = var.project
  name                        = var.bucket
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  deletion_policy             = "PREVENT"

  versioning {
    enabled = false
  }

  soft_delete_policy {
    retention_duration_seconds = 604800 # 7 days in which a replaced zip comes back
  }
}

resource "google_storage_bucket_object" "this" {
  bucket       = google_storage_bucket.this.name
  name         = local.object
  source       = var.zip
  content_type = "application/zip"

  lifecycle {
    create_before_destroy = true # a function's source is never missing
  }
}

resource "google_storage_bucket_iam_member" "builder_reads" {
  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.builder.member
}

resource "google_artifact_registry_repository" "this" {
  # checkov:skip=CKV_GCP_84:a key of one's own would be one more thing to destroy; images are built again from the zip
  project         = var.project
  location        = var.region
  repository_id   = "${var.prefix}-functions"
  description     = "Images that Cloud Functions builds"
  format          = "DOCKER"
  deletion_policy = "PREVENT"
}

resource "google_artifact_registry_repository_iam_member" "builder_writes" {
  project    = var.project
  location   = google_artifact_registry_repository.this.location
  repository = google_artifact_registry_repository.this.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.builder.member
}

resource "google_service_account" "builder" {
  project         = var.project
  account_id      = "${var.prefix}-builder"
  display_name    = "Affidavit builder"
  description     = "Builds the functions' images; is in no writer's role, and reads no evidence."
  deletion_policy = "PREVENT"
}

resource "google_project_iam_member" "builder_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.builder.member
}

# Cloud Functions copies the zip to a bucket of its own in the same project, and the build reads it there.
resource "google_project_iam_member" "builder_reads_copies" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.builder.member

  condition {
    title      = "copies of the source alone"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
  }
}
