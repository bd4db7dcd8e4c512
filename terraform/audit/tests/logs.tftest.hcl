mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "who_touches_evidence_key_or_accounts_is_logged" {
  command = plan

  assert {
    condition     = keys(google_project_iam_audit_config.this) == ["cloudkms.googleapis.com", "iam.googleapis.com", "storage.googleapis.com", "sts.googleapis.com"]
    error_message = "A service leaves no trace."
  }

  assert {
    condition = alltrue([
      for service in google_project_iam_audit_config.this :
      toset([for config in service.audit_log_config : config.log_type]) == toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"]) &&
      length(flatten([for config in service.audit_log_config : coalesce(config.exempted_members, [])])) == 0
    ])
    error_message = "Something is not logged, or somebody is exempt."
  }
}

run "logs_are_kept_where_they_can_be_locked" {
  command = plan

  assert {
    condition     = google_logging_project_sink.requests.destination == "logging.googleapis.com/projects/acme-audit-1/locations/europe-west1/buckets/acme-requests"
    error_message = "They go somewhere else."
  }

  assert {
    condition = alltrue([
      for log in ["run.googleapis.com/requests", "cloudaudit.googleapis.com/activity", "cloudaudit.googleapis.com/data_access", "cloudaudit.googleapis.com/policy"] :
      strcontains(google_logging_project_sink.requests.filter, "log_id(\"${log}\")")
    ])
    error_message = "Some of them do not."
  }

  assert {
    condition     = google_project_iam_member.gateway_sends_logs["gateway"].condition[0].expression == "resource.name.endsWith(\"locations/europe-west1/buckets/acme-requests\")"
    error_message = "The gateway's project cannot send its own, or writes to other buckets."
  }

  assert {
    condition     = google_project_iam_member.auditors_read_logs["auditors"].condition[0].expression == "resource.name == \"projects/acme-audit-1/locations/europe-west1/buckets/acme-requests/views/_AllLogs\""
    error_message = "Auditors read other logs, or none."
  }
}

run "every_alarm_reaches_somebody" {
  command = plan

  assert {
    condition     = { for name, policy in google_monitoring_alert_policy.alarm : name => policy.conditions[0].condition_matched_log[0].filter } == { for name in ["check_failed", "dead_letter", "sequencer_stopped", "uncommitted_old", "writer_lost"] : name => "resource.type=\"cloud_run_revision\" AND severity>=ERROR AND jsonPayload.alarm=\"${name}\"" }
    error_message = "Another word is matched."
  }

  assert {
    condition     = google_logging_metric.counted["evidence_quarantined"].filter == "jsonPayload.alarm=\"evidence_quarantined\""
    error_message = "Another word is counted."
  }

  assert {
    condition = alltrue([
      for name, policy in google_monitoring_alert_policy.counted :
      policy.conditions[0].condition_threshold[0].filter == "resource.type=\"logging_bucket\" AND metric.type=\"logging.googleapis.com/user/acme/${name}\"" &&
      policy.conditions[0].condition_threshold[0].comparison == "COMPARISON_GT" && policy.conditions[0].condition_threshold[0].threshold_value == 0
    ])
    error_message = "What is counted is no alarm."
  }

  assert {
    condition     = alltrue([for metric in google_logging_metric.counted : metric.bucket_name == "projects/acme-audit-1/locations/europe-west1/buckets/acme-requests"])
    error_message = "Logs of the gateway's project would not be counted."
  }

  assert {
    condition = alltrue([
      for policy in concat(values(google_monitoring_alert_policy.alarm), values(google_monitoring_alert_policy.counted), values(google_monitoring_alert_policy.gateway_logs), values(google_monitoring_alert_policy.silent)) :
      policy.enabled == true && policy.severity == "CRITICAL" && policy.notification_channels == tolist(["projects/acme-audit-1/notificationChannels/1111"])
    ])
    error_message = "Nobody hears it."
  }

  assert {
    condition     = google_monitoring_notification_channel.on_call["first"].type == "email" && google_monitoring_notification_channel.on_call["first"].labels == tomap({ email_address = "on-call@example.com" })
    error_message = "Somebody else hears it."
  }
}

run "a_token_made_by_anyone_else_than_the_service_is_an_alarm" {
  command = plan

  assert {
    condition = alltrue([
      for account in [
        "acme-gateway@acme-gateway-1", "acme-write-evidence@acme-gateway-1", "acme-sequencer@acme-audit-1", "acme-checker@acme-audit-1",
      ] : strcontains(google_logging_metric.counted["foreign_token"].filter, "\"${account}.iam.gserviceaccount.com\"")
    ])
    error_message = "Not of every account."
  }

  assert {
    condition     = strcontains(google_logging_metric.counted["foreign_token"].filter, "protoPayload.serviceName=(\"iamcredentials.googleapis.com\" OR \"iam.googleapis.com\")") && strcontains(google_logging_metric.counted["foreign_token"].filter, "(GenerateAccessToken|GenerateIdToken|SignBlob|SignJwt)$")
    error_message = "Not an attestation."
  }
}

run "whoever_could_attest_without_a_token_in_a_log_is_an_alarm" {
  command = plan

  assert {
    condition = alltrue([
      for account in [
        "acme-gateway@acme-gateway-1", "acme-write-evidence@acme-gateway-1", "acme-sequencer@acme-audit-1", "acme-checker@acme-audit-1",
      ] : length(regexall("\"${account}[.]iam[.]gserviceaccount[.]com\"", google_logging_metric.counted["foreign_use"].filter)) == 2
    ])
    error_message = "Keys of one of them, or what runs with it, are not seen."
  }

  assert {
    condition = alltrue([
      for method in ["CreateServiceAccountKey", "UploadServiceAccountKey", "SetIAMPolicy"] :
      strcontains(google_logging_metric.counted["foreign_use"].filter, method)
    ])
    error_message = "A key, or somebody who may act as the account, is not seen."
  }

  assert {
    condition = alltrue([
      for name, own in {
        "namespaces/acme-gateway-1/services/acme-gateway"                              = true
        "projects/acme-gateway-1/locations/europe-west1/services/acme-gateway"         = true
        "projects/acme-gateway-1/locations/europe-west1/functions/acme-write-evidence" = true
        "projects/acme-audit-1/locations/europe-west1/functions/acme-check-log"        = true
        "namespaces/acme-audit-1/services/acme-sequence-log"                           = true
        "namespaces/acme-gateway-1/services/acme-gateway-2"                            = false
        "namespaces/acme-gateway-1/services/acme-sequence-log"                         = false
        "projects/acme-gateway-1/locations/europe-west1/jobs/acme-gateway"             = false
        "projects/acme-gateway-1/zones/europe-west1-b/instances/acme-gateway"          = false
      } : can(regex("^(namespaces|projects)/(${join("|", local.own_services)})$", name)) == own
    ])
    error_message = "A deployment of one's own is an alarm, or something else with its account is none."
  }

  assert {
    condition     = strcontains(google_logging_metric.counted["foreign_use"].filter, "NOT protoPayload.resourceName=~\"^(namespaces|projects)/(${join("|", local.own_services)})$\"")
    error_message = "Other names are left out."
  }
}

run "who_stops_the_logs_is_an_alarm" {
  command = plan

  assert {
    condition = alltrue([
      for text in [
        "auditConfigDeltas.action=\"REMOVE\"", "auditConfigDeltas.exemptedMember:*", "DeleteSink", "UpdateSink", "CreateExclusion",
        "DeleteLogMetric", "(Update|Delete)(AlertPolicy|NotificationChannel)$",
      ] : strcontains(google_logging_metric.counted["blinded"].filter, text)
    ])
    error_message = "Somebody goes blind, and nobody sees it."
  }

  assert {
    condition = (
      google_logging_metric.gateway_logs["gateway"].filter == "log_id(\"run.googleapis.com/requests\") AND resource.labels.project_id=\"acme-gateway-1\" AND resource.labels.service_name=\"acme-write-evidence\"" &&
      google_logging_metric.gateway_logs["gateway"].bucket_name == "projects/acme-audit-1/locations/europe-west1/buckets/acme-requests"
    )
    error_message = "Not what always comes is counted."
  }

  assert {
    condition = alltrue([
      for condition in google_monitoring_alert_policy.gateway_logs["gateway"].conditions[0].condition_threshold :
      condition.filter == "resource.type=\"logging_bucket\" AND metric.type=\"logging.googleapis.com/user/acme/gateway_logs\"" &&
      condition.comparison == "COMPARISON_LT" && condition.threshold_value == 1 && condition.duration == "1800s" &&
      condition.evaluation_missing_data == "EVALUATION_MISSING_DATA_ACTIVE"
    ])
    error_message = "Logs that come no longer are no alarm."
  }
}

run "a_signature_by_anyone_else_than_the_sequencer_is_an_alarm" {
  command = plan

  assert {
    condition     = google_logging_metric.counted["foreign_signature"].filter == "protoPayload.serviceName=\"cloudkms.googleapis.com\" AND protoPayload.methodName=~\"AsymmetricSign$\" AND protoPayload.authenticationInfo.principalEmail!=\"acme-sequencer@acme-audit-1.iam.gserviceaccount.com\""
    error_message = "It is not, or each of its own is."
  }

  assert {
    condition     = google_logging_metric.signatures.filter == "protoPayload.serviceName=\"cloudkms.googleapis.com\" AND protoPayload.methodName=~\"AsymmetricSign$\""
    error_message = "Signatures are not counted."
  }
}

run "silence_is_an_alarm" {
  command = plan

  assert {
    condition = alltrue([
      for name, service in { check_log = "acme-check-log", sequence_log = "acme-sequence-log" } :
      strcontains(google_monitoring_alert_policy.silent[name].conditions[0].condition_absent[0].filter, "resource.labels.service_name=\"${service}\"") &&
      google_monitoring_alert_policy.silent[name].conditions[0].condition_absent[0].duration == "1800s"
    ])
    error_message = "A function that is not called says nothing."
  }
}

run "the_auditors_get_the_checkpoint_of_each_day" {
  command = plan

  assert {
    condition     = strcontains(google_monitoring_alert_policy.daily_checkpoint.conditions[0].condition_matched_log[0].filter, "resource.labels.service_name=\"acme-check-log\" AND jsonPayload.event=\"daily_checkpoint\"")
    error_message = "Something else is sent."
  }

  assert {
    condition     = google_monitoring_notification_channel.auditors.labels == tomap({ email_address = "auditors@example.net" }) && google_monitoring_alert_policy.daily_checkpoint.notification_channels == tolist(["projects/acme-audit-1/notificationChannels/2222"])
    error_message = "It goes to somebody else."
  }

  assert {
    condition = alltrue([
      for label in ["note", "root", "size"] :
      google_monitoring_alert_policy.daily_checkpoint.conditions[0].condition_matched_log[0].label_extractors[label] == "EXTRACT(jsonPayload.${label})" &&
      strcontains(google_monitoring_alert_policy.daily_checkpoint.documentation[0].content, "$${log.extracted_label.${label}}")
    ])
    error_message = "The message does not say what stands."
  }
}
