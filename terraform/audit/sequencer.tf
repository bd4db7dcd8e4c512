# The sequencer: gives records their places in the log and signs checkpoints.

resource "google_service_account" "sequencer" {
  project         = var.project
  account_id      = "${var.prefix}-sequencer"
  display_name    = "Affidavit sequencer"
  description     = "Signs checkpoints. Whoever may act as this account can sign a second history."
  deletion_policy = "PREVENT"
}

module "sequence_log" {
  source = "../modules/function"

  project         = var.project
  region          = var.region
  name            = "${var.prefix}-sequence-log"
  description     = "Gives records their places in the log"
  entry_point     = "sequence_log"
  account         = google_service_account.sequencer.email
  package         = module.package
  invokers        = { scheduler = google_service_account.scheduler.member }
  memory          = "1Gi"
  max_instances   = 2   # a run that is late meets the next; two are harmless
  timeout_seconds = 120 # it loops for 55 s at most

  environment = {
    AFFIDAVIT_BODY_BUCKETS    = local.told_body_buckets
    AFFIDAVIT_EVIDENCE_BUCKET = google_storage_bucket.evidence.name
    AFFIDAVIT_LOG_BUCKET      = google_storage_bucket.log.name
    AFFIDAVIT_LOG_KEY         = local.key_version
    AFFIDAVIT_ORIGIN          = var.origin
    AFFIDAVIT_RETENTION       = join(",", [for class, days in var.retention : "${class}=${days}"])
    AFFIDAVIT_WRITERS         = var.gateway_account == null ? "" : "gateway=${var.gateway_account}"
  }
}

locals {
  told_body_buckets = join(",", [for class, bucket in google_storage_bucket.body : "${class}=${bucket.name}"])
}

resource "google_cloud_scheduler_job" "sequence_log" {
  project          = var.project
  region           = var.region
  name             = "${var.prefix}-sequence-log"
  description      = "Each minute; under load the function goes on by itself"
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "120s"
  paused           = var.gateway_account == null # nobody to admit yet
  deletion_policy  = "PREVENT"

  retry_config {
    retry_count = 0 # the next minute comes anyway
  }

  http_target {
    http_method = "POST"
    uri         = module.sequence_log.uri

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = module.sequence_log.uri
    }
  }
}
