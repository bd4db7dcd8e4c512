# Each variable refuses what neither provider would.

mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "classes_are_words_of_the_evidence_format" {
  command = plan

  variables {
    body_buckets = { "Standard Class" = "acme-body-standard" }
  }

  expect_failures = [var.body_buckets]
}

run "there_is_a_body_bucket" {
  command = plan

  variables {
    body_buckets = {}
  }

  expect_failures = [var.body_buckets]
}

run "a_body_bucket_has_the_name_of_a_bucket" {
  command = plan

  variables {
    body_buckets = { standard = "gs://acme-body-standard" }
  }

  expect_failures = [var.body_buckets]
}

run "the_checker_is_a_service_account" {
  command = plan

  variables {
    checker_account = "allUsers"
  }

  expect_failures = [var.checker_account]
}

run "concurrency_is_what_cloud_run_takes" {
  command = plan

  variables {
    concurrency = 1001
  }

  expect_failures = [var.concurrency]
}

run "the_configuration_is_there" {
  command = plan

  variables {
    config_file = "tests/deployment/no-such-file.yaml"
  }

  expect_failures = [var.config_file]
}

run "a_database_has_the_name_of_one" {
  command = plan

  variables {
    database = "Default"
  }

  expect_failures = [var.database]
}

run "dead_letters_take_five_attempts_at_least" {
  command = plan

  variables {
    dead_letter_attempts = 4
  }

  expect_failures = [var.dead_letter_attempts]
}

run "dead_letters_take_a_hundred_attempts_at_most" {
  command = plan

  variables {
    dead_letter_attempts = 101
  }

  expect_failures = [var.dead_letter_attempts]
}

run "the_deployment_secret_has_a_version" {
  command = plan

  variables {
    deployment_secret_version = 0
  }

  expect_failures = [var.deployment_secret_version]
}

run "the_evidence_bucket_has_the_name_of_a_bucket" {
  command = plan

  variables {
    evidence_bucket = "gs://acme-evidence"
  }

  expect_failures = [var.evidence_bucket]
}

run "the_functions_are_named_by_their_hash" {
  command = plan

  variables {
    functions_zip = "tests/deployment/affidavit.yaml"
  }

  expect_failures = [var.functions_zip]
}

run "functions_of_another_hash_are_refused" {
  command = plan

  variables {
    functions_zip = "tests/deployment/functions-fedcba9876543210.zip"
  }

  expect_failures = [var.functions_zip]
}

run "an_image_with_a_tag_is_refused" {
  command = plan

  variables {
    image = "europe-west1-docker.pkg.dev/acme-gateway-1/acme/gateway:latest"
  }

  expect_failures = [var.image]
}

run "an_image_with_half_a_digest_is_refused" {
  command = plan

  variables {
    image = "europe-west1-docker.pkg.dev/acme-gateway-1/acme/gateway@sha256:aaaa"
  }

  expect_failures = [var.image]
}

run "impersonated_are_service_accounts" {
  command = plan

  variables {
    impersonated_accounts = { everybody = "allUsers" }
  }

  expect_failures = [var.impersonated_accounts]
}

run "ingress_is_one_of_three" {
  command = plan

  variables {
    ingress = "ALL"
  }

  expect_failures = [var.ingress]
}

run "there_are_no_fewer_instances_than_always" {
  command = plan

  variables {
    max_instances = 0
  }

  expect_failures = [var.max_instances]
}

run "the_memory_holds_the_bodies" {
  command = plan

  variables {
    memory = "512Mi"
  }

  expect_failures = [var.memory]
}

run "an_instance_is_always_there" {
  command = plan

  variables {
    min_instances = 0
  }

  expect_failures = [var.min_instances]
}

run "egress_is_one_of_two" {
  command = plan

  variables {
    network = { egress = "all-traffic", network = "acme", subnetwork = "acme" }
  }

  expect_failures = [var.network]
}

run "an_origin_has_no_scheme" {
  command = plan

  variables {
    origin = "https://gateway.example.com"
  }

  expect_failures = [var.origin]
}

run "a_prefix_leaves_room_for_account_names" {
  command = plan

  variables {
    prefix = "sixteen-letters-"
  }

  expect_failures = [var.prefix]
}

run "google_keeps_a_prefix_for_itself" {
  command = plan

  variables {
    prefix = "google-audit"
  }

  expect_failures = [var.prefix]
}

run "a_project_is_named_by_its_id" {
  command = plan

  variables {
    project = "123456789012"
  }

  expect_failures = [var.project]
}

run "a_project_number_is_a_number_above_zero" {
  command = plan

  variables {
    project_number = 0
  }

  expect_failures = [var.project_number]
}

run "the_quarantine_bucket_has_the_name_of_a_bucket" {
  command = plan

  variables {
    quarantine_bucket = "Q"
  }

  expect_failures = [var.quarantine_bucket]
}

run "a_rate_is_one_at_least" {
  command = plan

  variables {
    rate_limit = 0
  }

  expect_failures = [var.rate_limit]
}

run "a_rate_needs_a_load_balancer" {
  command = plan

  variables {
    rate_limit = 600
  }

  expect_failures = [var.rate_limit]
}

run "a_zone_is_no_region" {
  command = plan

  variables {
    region = "europe-west1-b"
  }

  expect_failures = [var.region]
}

run "a_log_bucket_is_no_storage_bucket" {
  command = plan

  variables {
    request_log_bucket = "gs://acme-logs"
  }

  expect_failures = [var.request_log_bucket]
}

run "a_secret_is_named_not_addressed" {
  command = plan

  variables {
    secrets = { "projects/p/secrets/s" = "a whole name" }
  }

  expect_failures = [var.secrets]
}

run "a_domain_is_a_host_name" {
  command = plan

  variables {
    domain  = "https://gateway.example.com"
    ingress = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  }

  expect_failures = [var.domain]
}

run "with_a_domain_the_run_app_address_is_closed" {
  command = plan

  variables {
    domain = "gateway.example.com"
  }

  expect_failures = [var.ingress]
}
