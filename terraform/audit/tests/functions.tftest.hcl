mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "functions_are_told_where_they_run" {
  command = plan

  assert {
    condition = module.sequence_log.environment == tomap({
      AFFIDAVIT_BODY_BUCKETS    = "payroll=acme-body-payroll,standard=acme-body-standard"
      AFFIDAVIT_EVIDENCE_BUCKET = "acme-evidence"
      AFFIDAVIT_LOG_BUCKET      = "acme-log"
      AFFIDAVIT_LOG_KEY         = "projects/acme-audit-1/locations/europe-west1/keyRings/acme/cryptoKeys/log/cryptoKeyVersions/1"
      AFFIDAVIT_ORIGIN          = "gateway.example.com/audit"
      AFFIDAVIT_RETENTION       = "payroll=90,standard=400"
      AFFIDAVIT_WRITERS         = "gateway=acme-gateway@acme-gateway-1.iam.gserviceaccount.com"
    })
    error_message = "The sequencer is told something else."
  }

  assert {
    condition = module.check_log.environment == tomap({
      AFFIDAVIT_BODY_BUCKETS      = "payroll=acme-body-payroll,standard=acme-body-standard"
      AFFIDAVIT_CHECK_BUCKET      = "acme-check"
      AFFIDAVIT_DEAD_LETTERS      = "projects/acme-gateway-1/subscriptions/acme-evidence-dead"
      AFFIDAVIT_EVIDENCE_BUCKET   = "acme-evidence"
      AFFIDAVIT_LOG_BUCKET        = "acme-log"
      AFFIDAVIT_LOG_KEY           = "projects/acme-audit-1/locations/europe-west1/keyRings/acme/cryptoKeys/log/cryptoKeyVersions/1"
      AFFIDAVIT_ORIGIN            = "gateway.example.com/audit"
      AFFIDAVIT_QUARANTINE_BUCKET = "acme-quarantine"
    })
    error_message = "The checker is told something else."
  }
}

run "functions_are_called_by_their_schedules_alone" {
  command = plan

  assert {
    condition = alltrue([
      for job, uri in { sequence = module.sequence_log.uri, check = module.check_log.uri } :
      { sequence = google_cloud_scheduler_job.sequence_log, check = google_cloud_scheduler_job.check_log }[job].http_target[0].uri == uri &&
      { sequence = google_cloud_scheduler_job.sequence_log, check = google_cloud_scheduler_job.check_log }[job].http_target[0].oidc_token[0].audience == uri &&
      { sequence = google_cloud_scheduler_job.sequence_log, check = google_cloud_scheduler_job.check_log }[job].http_target[0].oidc_token[0].service_account_email == "acme-scheduler@acme-audit-1.iam.gserviceaccount.com"
    ])
    error_message = "Called elsewhere, as somebody else, or with a token for something else."
  }

  assert {
    condition     = google_cloud_scheduler_job.sequence_log.schedule == "* * * * *" && google_cloud_scheduler_job.check_log.schedule == "* * * * *"
    error_message = "Too rarely, or too often."
  }

  assert {
    condition     = google_cloud_scheduler_job.sequence_log.paused == false && google_cloud_scheduler_job.check_log.paused == false
    error_message = "Never."
  }
}

run "before_there_is_a_gateway_nobody_writes_and_nothing_runs" {
  command = plan

  variables {
    dead_letters           = []
    gateway_account        = null
    request_log_writer     = null
    write_evidence_account = null
  }

  assert {
    condition     = length(google_storage_bucket_iam_member.writers_create_evidence) + length(google_storage_bucket_iam_member.writers_create_bodies) + length(google_storage_bucket_iam_member.write_evidence_quarantines) + length(google_project_iam_member.gateway_sends_logs) == 0
    error_message = "Somebody writes."
  }

  assert {
    condition     = google_cloud_scheduler_job.sequence_log.paused == true && google_cloud_scheduler_job.check_log.paused == true
    error_message = "It would fail each minute."
  }

  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.silent : policy.enabled == false]) && length(google_monitoring_alert_policy.gateway_logs) == 0
    error_message = "It would alarm about what is paused."
  }
}

run "the_gateway_is_told_where_to_write" {
  command = plan

  assert {
    condition = output.gateway == {
      body_buckets       = { payroll = "acme-body-payroll", standard = "acme-body-standard" }
      checker_account    = "acme-checker@acme-audit-1.iam.gserviceaccount.com"
      evidence_bucket    = "acme-evidence"
      quarantine_bucket  = "acme-quarantine"
      request_log_bucket = "projects/acme-audit-1/locations/europe-west1/buckets/acme-requests"
    }
    error_message = "Something else."
  }
}
