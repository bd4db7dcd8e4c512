mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

# Each run gives one wrong value to each variable that it names, and all of them must be refused. A variable that is judged
# by another one is in another run than that.

run "nothing_is_empty_or_of_another_form" {
  command = plan

  variables {
    auditors_address       = "auditors"
    auditors_group         = "group:auditors@example.com"
    dead_letters           = ["acme-evidence-dead"]
    functions_zip          = "tests/functions-0000000000000000.zip"
    gateway_account        = "allUsers"
    on_call                = {}
    origin                 = "https://gateway.example.com/audit"
    prefix                 = "Acme"
    protection_level       = "EXTERNAL"
    region                 = "europe-west1-b"
    request_log_writer     = "allUsers"
    retention              = {}
    write_evidence_account = "123456789012-compute@developer.gserviceaccount.com"
  }

  expect_failures = [
    var.auditors_address,
    var.auditors_group,
    var.dead_letters,
    var.functions_zip,
    var.gateway_account,
    var.on_call,
    var.origin,
    var.prefix,
    var.protection_level,
    var.region,
    var.request_log_writer,
    var.retention,
    var.write_evidence_account,
  ]
}

run "nothing_is_out_of_range" {
  command = plan

  variables {
    evidence_days    = 0
    functions_zip    = "tests/evidence.tftest.hcl"
    key_version      = 0
    on_call          = { first = "nobody" }
    prefix           = "a-prefix-too-long"
    project          = "123456789012"
    project_number   = 0
    region           = "EU"
    request_log_days = 0
  }

  expect_failures = [
    var.evidence_days,
    var.functions_zip,
    var.key_version,
    var.on_call,
    var.prefix,
    var.project,
    var.project_number,
    var.region,
    var.request_log_days,
  ]
}

run "no_period_is_longer_than_google_takes_or_half_a_day" {
  command = plan

  variables {
    key_version      = 1.5
    request_log_days = 3651
    retention        = { standard = 0.5 }
    prefix           = "google"
    project          = "Acme audit"
  }

  expect_failures = [
    var.key_version,
    var.request_log_days,
    var.retention,
    var.prefix,
    var.project,
  ]
}

run "no_evidence_is_kept_for_longer_than_google_takes" {
  command = plan

  variables {
    evidence_days = 36501
  }

  expect_failures = [
    var.evidence_days,
  ]
}

run "no_class_is_gone_at_once" {
  command = plan

  variables {
    retention = { standard = 0 }
  }

  expect_failures = [
    var.retention,
  ]
}

run "classes_are_named_as_buckets_can_be" {
  command = plan

  variables {
    retention = { "Pay-Roll" = 90 }
  }

  expect_failures = [
    var.retention,
  ]
}

run "no_class_ends_in_an_underscore" {
  command = plan

  variables {
    retention = { payroll_ = 90 }
  }

  expect_failures = [
    var.retention,
  ]
}

run "records_outlive_bodies" {
  command = plan

  variables {
    evidence_days = 399
  }

  expect_failures = [
    var.evidence_days,
  ]
}

run "only_the_whole_sentence_locks" {
  command = plan

  variables {
    config_file = "tests/masking.yaml"
    lock        = "yes"
  }

  expect_failures = [
    var.lock,
  ]
}

run "another_deployments_sentence_does_not_lock" {
  command = plan

  variables {
    config_file = "tests/masking.yaml"
    lock        = "other-evidence is locked for good"
  }

  expect_failures = [
    var.lock,
  ]
}

run "an_empty_sentence_does_not_lock" {
  command = plan

  variables {
    config_file = "tests/masking.yaml"
    lock        = ""
  }

  expect_failures = [
    var.lock,
  ]
}

run "nothing_is_locked_with_masking_switched_off" {
  command = plan

  variables {
    config_file = "tests/unmasked.yaml"
    lock        = "acme-evidence is locked for good"
  }

  expect_failures = [
    var.lock,
  ]
}

run "nothing_is_locked_before_masking_was_looked_at" {
  command = plan

  variables {
    lock = "acme-evidence is locked for good"
  }

  expect_failures = [
    var.lock,
  ]
}

run "a_configuration_is_one" {
  command = plan

  variables {
    config_file = "tests/variables.tftest.hcl"
  }

  expect_failures = [
    var.config_file,
  ]
}

run "a_configuration_that_says_nothing_of_masking_masks_credentials" {
  command = plan

  variables {
    config_file = "tests/default.yaml"
    lock        = "acme-evidence is locked for good"
  }

  assert {
    condition     = google_storage_bucket.evidence.retention_policy[0].is_locked == true
    error_message = "The lock is refused, though credentials are masked."
  }
}

run "writers_live_in_another_project" {
  command = plan

  variables {
    gateway_account        = "acme-gateway@acme-audit-1.iam.gserviceaccount.com"
    write_evidence_account = "acme-write-evidence@acme-audit-1.iam.gserviceaccount.com"
  }

  expect_failures = [
    var.gateway_account,
    var.write_evidence_account,
  ]
}
