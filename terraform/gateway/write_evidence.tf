# The function that stores what was published: behind the push subscription of evidence.tf, never behind an Eventarc trigger,
# whose subscription takes neither dead letters nor a retry policy.

locals {
  body_buckets = join(",", [for class, bucket in var.body_buckets : "${class}=${bucket}"])

  write_evidence = {
    AFFIDAVIT_BODY_BUCKETS      = local.body_buckets
    AFFIDAVIT_EVIDENCE_BUCKET   = var.evidence_bucket
    AFFIDAVIT_ORIGIN            = var.origin
    AFFIDAVIT_QUARANTINE_BUCKET = var.quarantine_bucket
  }
}

resource "google_service_account" "write_evidence" {
  project         = var.project
  account_id      = "${var.prefix}-write-evidence"
  display_name    = "Affidavit write-evidence"
  description     = "Creates objects in the audit project's buckets; may read nothing there, and nothing here."
  deletion_policy = "PREVENT"
}

module "package" {
  source = "../modules/package"

  bucket  = "${var.prefix}-functions"
  prefix  = var.prefix
  project = var.project
  region  = var.region
  zip     = var.functions_zip
}

module "write_evidence" {
  source = "../modules/function"

  project       = var.project
  region        = var.region
  name          = "${var.prefix}-write-evidence"
  description   = "Stores what was published, or puts it into quarantine"
  package       = module.package
  entry_point   = "write_evidence"
  account       = google_service_account.write_evidence.email
  invokers      = { evidence-push = google_service_account.evidence_push.member }
  concurrency   = 4     # threads of functions-framework on one vCPU
  memory        = "2Gi" # for four objects at once: one that unpacks to 64 MiB takes up to 370 MiB
  max_instances = 20

  environment = local.write_evidence
}
