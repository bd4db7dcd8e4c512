# The checker: verifies what is new, says what is wrong, and each day which checkpoint stands. It may change nothing that it
# verifies.

resource "google_service_account" "checker" {
  project         = var.project
  account_id      = "${var.prefix}-checker"
  display_name    = "Affidavit checker"
  description     = "Reads evidence, bodies and log; writes to its own bucket alone."
  deletion_policy = "PREVENT"
}

module "check_log" {
  source = "../modules/function"

  project         = var.project
  region          = var.region
  name            = "${var.prefix}-check-log"
  description     = "Verifies what is new in the log"
  entry_point     = "check_log"
  account         = google_service_account.checker.email
  package         = module.package
  invokers        = { scheduler = google_service_account.scheduler.member }
  memory          = "2Gi"
  max_instances   = 1
  timeout_seconds = 540

  environment = {
    AFFIDAVIT_BODY_BUCKETS      = local.told_body_buckets
    AFFIDAVIT_CHECK_BUCKET      = google_storage_bucket.check.name
    AFFIDAVIT_DEAD_LETTERS      = join(",", var.dead_letters)
    AFFIDAVIT_EVIDENCE_BUCKET   = google_storage_bucket.evidence.name
    AFFIDAVIT_LOG_BUCKET        = google_storage_bucket.log.name
    AFFIDAVIT_LOG_KEY           = local.key_version
    AFFIDAVIT_ORIGIN            = var.origin
    AFFIDAVIT_QUARANTINE_BUCKET = google_storage_bucket.quarantine.name
  }
}

resource "google_cloud_scheduler_job" "check_log" {
  project          = var.project
  region           = var.region
  name             = "${var.prefix}-check-log"
  description      = "Each minute; the function begins nothing new after 40 s, so a run less often falls behind for good"
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "540s"
  paused           = var.gateway_account == null # no log to check yet
  deletion_policy  = "PREVENT"

  retry_config {
    retry_count = 0 # the next minute comes anyway, and is refused while one still checks
  }

  http_target {
    http_method = "POST"
    uri         = module.check_log.uri

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = module.check_log.uri
    }
  }
}
