mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "who_makes_tokens_and_reads_secrets_is_logged" {
  command = plan

  assert {
    condition     = toset(keys(google_project_iam_audit_config.this)) == toset(["iam.googleapis.com", "secretmanager.googleapis.com", "storage.googleapis.com", "sts.googleapis.com"])
    error_message = "An attestation made by somebody else, or who read the deployment secret, would leave no trace."
  }

  assert {
    condition = alltrue([
      for service in google_project_iam_audit_config.this :
      toset([for config in service.audit_log_config : config.log_type]) == toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])
    ])
    error_message = "A kind of access leaves no trace."
  }

  assert {
    condition     = alltrue(flatten([for service in google_project_iam_audit_config.this : [for config in service.audit_log_config : length(coalesce(config.exempted_members, [])) == 0]]))
    error_message = "Somebody is exempt."
  }
}

run "without_a_log_bucket_nothing_is_sent" {
  command = plan

  assert {
    condition     = length(google_logging_project_sink.audit) == 0 && output.audit.request_log_writer == null
    error_message = "Sent where?"
  }
}

run "request_and_audit_logs_go_to_the_audit_project" {
  command = plan

  variables {
    request_log_bucket = "projects/acme-audit-1/locations/europe-west1/buckets/acme-requests"
  }

  assert {
    condition     = google_logging_project_sink.audit["audit"].destination == "logging.googleapis.com/projects/acme-audit-1/locations/europe-west1/buckets/acme-requests"
    error_message = "They go somewhere else."
  }

  assert {
    condition     = google_logging_project_sink.audit["audit"].unique_writer_identity == true
    error_message = "Other sinks could write there, too."
  }

  assert {
    condition = alltrue([
      for log in ["run.googleapis.com/requests", "requests", "cloudaudit.googleapis.com/activity", "cloudaudit.googleapis.com/data_access", "cloudaudit.googleapis.com/policy"] :
      strcontains(google_logging_project_sink.audit["audit"].filter, "log_id(\"${log}\")")
    ])
    error_message = "Some of them do not."
  }

  assert {
    condition     = strcontains(google_logging_project_sink.audit["audit"].filter, "jsonPayload.alarm:*")
    error_message = "The audit project never hears of a quarantine."
  }

  assert {
    condition     = google_logging_project_sink.audit["audit"].deletion_policy == "PREVENT"
    error_message = "A plan could stop them."
  }
}
