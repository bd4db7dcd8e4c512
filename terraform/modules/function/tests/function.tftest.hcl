mock_provider "google" {
  override_during = plan

  mock_resource "google_cloudfunctions2_function" {
    defaults = {
      service_config = { uri = "https://acme-check-log-abc-ew.a.run.app" }
    }
  }
}

variables {
  account     = "acme-checker@acme-audit-1.iam.gserviceaccount.com"
  entry_point = "check_log"
  environment = { AFFIDAVIT_ORIGIN = "gateway.example.com/audit" }
  invokers    = { scheduler = "serviceAccount:acme-scheduler@acme-audit-1.iam.gserviceaccount.com" }
  name        = "acme-check-log"
  project     = "acme-audit-1"
  region      = "europe-west1"

  package = {
    bucket     = "acme-audit-functions"
    builder    = "projects/acme-audit-1/serviceAccounts/acme-builder@acme-audit-1.iam.gserviceaccount.com"
    object     = "functions-0123456789abcdef.zip"
    repository = "projects/acme-audit-1/locations/europe-west1/repositories/acme-functions"
  }
}

run "it_is_built_from_the_zip_with_its_own_wheels" {
  command = plan

  assert {
    condition = (
      google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].bucket == "acme-audit-functions" &&
      google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].object == "functions-0123456789abcdef.zip"
    )
    error_message = "Built from something else."
  }

  assert {
    condition     = google_cloudfunctions2_function.this.build_config[0].environment_variables == tomap({ GOOGLE_VENDOR_PIP_DEPENDENCIES = "wheels" })
    error_message = "An index would be asked for wheels."
  }

  assert {
    condition     = google_cloudfunctions2_function.this.build_config[0].runtime == "python313" && google_cloudfunctions2_function.this.build_config[0].entry_point == "check_log"
    error_message = "Another runtime or entry point."
  }

  assert {
    condition     = google_cloudfunctions2_function.this.build_config[0].service_account == var.package.builder && google_cloudfunctions2_function.this.build_config[0].docker_repository == var.package.repository
    error_message = "Built by somebody who may do more."
  }
}

run "it_runs_as_its_own_account_and_is_told_what_it_was_given" {
  command = plan

  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].service_account_email == "acme-checker@acme-audit-1.iam.gserviceaccount.com"
    error_message = "It runs as somebody else."
  }

  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].environment_variables == tomap({ AFFIDAVIT_ORIGIN = "gateway.example.com/audit" })
    error_message = "It is told something else."
  }
}

run "only_google_reaches_it_and_only_the_invoker_calls_it" {
  command = plan

  assert {
    condition     = google_cloudfunctions2_function.this.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"
    error_message = "The internet reaches it."
  }

  assert {
    condition     = length(google_cloudfunctions2_function.this.event_trigger) == 0
    error_message = "An Eventarc subscription takes neither dead letters nor a retry policy."
  }

  assert {
    condition = { for grant in google_cloud_run_v2_service_iam_member.invoker : grant.name => "${grant.role} ${grant.member}" } == {
      acme-check-log = "roles/run.invoker serviceAccount:acme-scheduler@acme-audit-1.iam.gserviceaccount.com"
    }
    error_message = "Nobody can call it, or somebody else."
  }
}

run "its_address_is_that_of_the_service_underneath" {
  command = plan

  assert {
    condition     = output.uri == "https://acme-check-log-abc-ew.a.run.app"
    error_message = "Tokens would be for another audience."
  }
}

run "it_is_not_destroyed_by_mistake" {
  command = plan

  assert {
    condition     = google_cloudfunctions2_function.this.deletion_policy == "PREVENT"
    error_message = "A plan could destroy it."
  }
}

run "nobody_but_accounts_can_be_invokers" {
  command = plan

  variables {
    invokers = { everybody = "allUsers" }
  }

  expect_failures = [var.invokers]
}

run "no_default_account_is_taken" {
  command = plan

  variables {
    account = "123456789012-compute@developer.gserviceaccount.com"
  }

  expect_failures = [var.account]
}

run "the_runtimes_own_variables_are_not_set" {
  command = plan

  variables {
    environment = { K_SERVICE = "other" }
  }

  expect_failures = [var.environment]
}
