# Each variable refuses what neither provider would. Several in one run: all that is wrong is said at once.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "a_name_has_the_form_of_what_it_names" {
  command = plan

  variables {
    body_buckets          = { standard = "gs://acme-body-standard" }
    checker_account       = "allUsers"
    database              = "Default"
    evidence_bucket       = "gs://acme-evidence"
    impersonated_accounts = { everybody = "allUsers" }
    origin                = "https://gateway.example.com"
    prefix                = "sixteen-letters-"
    project               = "123456789012"
    quarantine_bucket     = "Q"
    region                = "europe-west1-b"
    request_log_bucket    = "gs://acme-logs"
    secrets               = { "projects/p/secrets/s" = "a whole name" }
  }

  expect_failures = [
    var.body_buckets,
    var.checker_account,
    var.database,
    var.evidence_bucket,
    var.impersonated_accounts,
    var.origin,
    var.prefix,
    var.project,
    var.quarantine_bucket,
    var.region,
    var.request_log_bucket,
    var.secrets,
  ]
}

run "a_number_is_not_too_small" {
  command = plan

  variables {
    concurrency               = 0
    dead_letter_attempts      = 4
    deployment_secret_version = 0
    min_instances             = 0
    project_number            = 0
    rate_limit                = 0
  }

  expect_failures = [
    var.concurrency,
    var.dead_letter_attempts,
    var.deployment_secret_version,
    var.min_instances,
    var.project_number,
    var.rate_limit,
  ]
}

run "a_number_is_not_too_large" {
  command = plan

  variables {
    concurrency          = 1001
    dead_letter_attempts = 101
    max_instances        = 1001
  }

  expect_failures = [var.concurrency, var.dead_letter_attempts, var.max_instances]
}

run "a_choice_is_one_that_google_has" {
  command = plan

  variables {
    ingress = "ALL"
    memory  = "512Mi"
    network = { egress = "all-traffic", network = "acme", subnetwork = "acme" }
  }

  expect_failures = [var.ingress, var.memory, var.network]
}

run "a_file_is_there_and_an_image_is_named_by_its_digest" {
  command = plan

  variables {
    config_file   = "tests/deployment/no-such-file.yaml"
    functions_zip = "tests/deployment/affidavit.yaml"
    image         = "europe-west1-docker.pkg.dev/acme-gateway-1/acme/gateway:latest"
  }

  expect_failures = [var.config_file, var.functions_zip, var.image]
}

run "half_a_digest_another_hash_and_names_that_google_keeps_are_refused" {
  command = plan

  variables {
    body_buckets  = {}
    functions_zip = "tests/deployment/functions-fedcba9876543210.zip"
    image         = "europe-west1-docker.pkg.dev/acme-gateway-1/acme/gateway@sha256:aaaa"
    prefix        = "google-audit"
  }

  expect_failures = [var.body_buckets, var.functions_zip, var.image, var.prefix]
}

run "classes_are_words_of_the_evidence_format" {
  command = plan

  variables {
    body_buckets = { "Standard Class" = "acme-body-standard" }
  }

  expect_failures = [var.body_buckets]
}

run "what_depends_on_another_variable_is_held_to_it" {
  command = plan

  variables {
    domain        = "gateway.example.com"
    max_instances = 2
    min_instances = 3
  }

  expect_failures = [var.ingress, var.max_instances]
}

run "an_address_is_what_it_is_for_and_a_rate_needs_a_load_balancer" {
  command = plan

  variables {
    rate_limit         = 600
    telemetry_endpoint = "https://name:secret@collector.example.com"
  }

  expect_failures = [var.rate_limit, var.telemetry_endpoint]
}

run "a_domain_is_a_host_name" {
  command = plan

  variables {
    domain  = "https://gateway.example.com"
    ingress = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  }

  expect_failures = [var.domain]
}

run "the_gateway_acts_as_no_other_part_of_affidavit" {
  command = plan

  variables {
    impersonated_accounts = { apply = "acme-apply@acme-gateway-1.iam.gserviceaccount.com" }
  }

  expect_failures = [google_service_account_iam_member.impersonates]
}

run "the_gateway_acts_as_no_default_account" {
  command = plan

  variables {
    impersonated_accounts = { default = "acme-gateway-1@appspot.gserviceaccount.com" }
  }

  expect_failures = [var.impersonated_accounts]
}
