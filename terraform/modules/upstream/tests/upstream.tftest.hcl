mock_provider "google" {
  mock_data "google_cloud_run_v2_service" {
    defaults = {
      ingress              = "INGRESS_TRAFFIC_INTERNAL_ONLY"
      invoker_iam_disabled = false
      uri                  = "https://warehouse-abc.a.run.app"
    }
  }
}

variables {
  gateway_account = "acme-gateway@acme-gateway-1.iam.gserviceaccount.com"
  project         = "acme-warehouse-1"
  region          = "europe-west1"
  service         = "warehouse"
}

run "the_gateway_is_the_only_invoker" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service_iam_binding.only_the_gateway.role == "roles/run.invoker"
    error_message = "Another role."
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_binding.only_the_gateway.members == toset(["serviceAccount:acme-gateway@acme-gateway-1.iam.gserviceaccount.com"])
    error_message = "Somebody else may invoke the upstream."
  }

  assert {
    condition     = output.audience == "https://warehouse-abc.a.run.app"
    error_message = "The audience is not the service's address."
  }
}

run "an_upstream_that_checks_no_invoker_is_refused" {
  command = plan

  override_data {
    target = data.google_cloud_run_v2_service.upstream
    values = { ingress = "INGRESS_TRAFFIC_INTERNAL_ONLY", invoker_iam_disabled = true }
  }

  expect_failures = [google_cloud_run_v2_service_iam_binding.only_the_gateway]
}

run "an_upstream_with_an_open_front_door_is_refused" {
  command = plan

  override_data {
    target = data.google_cloud_run_v2_service.upstream
    values = { ingress = "INGRESS_TRAFFIC_ALL", invoker_iam_disabled = false }
  }

  expect_failures = [google_cloud_run_v2_service_iam_binding.only_the_gateway]
}

run "an_open_front_door_is_taken_when_it_is_asked_for" {
  command = plan

  variables {
    ingress = "INGRESS_TRAFFIC_ALL"
  }

  override_data {
    target = data.google_cloud_run_v2_service.upstream
    values = { ingress = "INGRESS_TRAFFIC_ALL", invoker_iam_disabled = false }
  }
}

run "only_a_service_account_can_be_the_gateway" {
  command = plan

  variables {
    gateway_account = "allUsers"
  }

  expect_failures = [var.gateway_account]
}

run "ingress_is_one_of_three" {
  command = plan

  variables {
    ingress = "internal"
  }

  expect_failures = [var.ingress]
}

run "a_project_is_named_by_its_id" {
  command = plan

  variables {
    project = "123456789"
  }

  expect_failures = [var.project]
}

run "a_zone_is_no_region" {
  command = plan

  variables {
    region = "europe-west1-b"
  }

  expect_failures = [var.region]
}

run "a_service_is_named_not_addressed" {
  command = plan

  variables {
    service = "https://warehouse-abc.a.run.app"
  }

  expect_failures = [var.service]
}
