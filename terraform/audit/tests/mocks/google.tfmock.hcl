# What Google would answer, in its real forms: the real provider refuses other text where it checks a pattern.

mock_resource "google_kms_key_ring" {
  defaults = { id = "projects/acme-audit-1/locations/europe-west1/keyRings/acme" }
}

mock_resource "google_kms_crypto_key" {
  defaults = { id = "projects/acme-audit-1/locations/europe-west1/keyRings/acme/cryptoKeys/log" }
}

mock_resource "google_logging_project_bucket_config" {
  defaults = { id = "projects/acme-audit-1/locations/europe-west1/buckets/acme-requests" }
}

mock_resource "google_artifact_registry_repository" {
  defaults = { id = "projects/acme-audit-1/locations/europe-west1/repositories/acme-functions" }
}

override_resource {
  target = google_service_account.sequencer
  values = {
    email  = "acme-sequencer@acme-audit-1.iam.gserviceaccount.com"
    member = "serviceAccount:acme-sequencer@acme-audit-1.iam.gserviceaccount.com"
    name   = "projects/acme-audit-1/serviceAccounts/acme-sequencer@acme-audit-1.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.checker
  values = {
    email  = "acme-checker@acme-audit-1.iam.gserviceaccount.com"
    member = "serviceAccount:acme-checker@acme-audit-1.iam.gserviceaccount.com"
    name   = "projects/acme-audit-1/serviceAccounts/acme-checker@acme-audit-1.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.scheduler
  values = {
    email  = "acme-scheduler@acme-audit-1.iam.gserviceaccount.com"
    member = "serviceAccount:acme-scheduler@acme-audit-1.iam.gserviceaccount.com"
    name   = "projects/acme-audit-1/serviceAccounts/acme-scheduler@acme-audit-1.iam.gserviceaccount.com"
  }
}

override_resource {
  target = module.package.google_service_account.builder
  values = {
    email  = "acme-builder@acme-audit-1.iam.gserviceaccount.com"
    member = "serviceAccount:acme-builder@acme-audit-1.iam.gserviceaccount.com"
    name   = "projects/acme-audit-1/serviceAccounts/acme-builder@acme-audit-1.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_project_iam_custom_role.reader
  values = { name = "projects/acme-audit-1/roles/acme_object_reader" }
}

override_resource {
  target = google_project_iam_custom_role.keeper
  values = { name = "projects/acme-audit-1/roles/acme_object_keeper" }
}

override_resource {
  target = module.sequence_log.google_cloudfunctions2_function.this
  values = { service_config = { uri = "https://acme-sequence-log-abc-ew.a.run.app" } }
}

override_resource {
  target = module.check_log.google_cloudfunctions2_function.this
  values = { service_config = { uri = "https://acme-check-log-abc-ew.a.run.app" } }
}

override_resource {
  target = google_monitoring_notification_channel.on_call
  values = { name = "projects/acme-audit-1/notificationChannels/1111" }
}

override_resource {
  target = google_monitoring_notification_channel.auditors
  values = { name = "projects/acme-audit-1/notificationChannels/2222" }
}
