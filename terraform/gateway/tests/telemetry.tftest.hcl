mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "nobody_is_told_unless_somebody_is_named" {
  command = plan

  assert {
    condition     = length(google_project_iam_member.gateway_telemetry) == 0
    error_message = "A right that nobody needs."
  }
}

run "google_is_told_with_the_rights_for_that_alone" {
  command = plan

  variables {
    telemetry_endpoint = "https://telemetry.googleapis.com"
  }

  assert {
    condition     = toset([for grant in google_project_iam_member.gateway_telemetry : "${grant.role} ${grant.member}"]) == toset([for role in ["metricsWriter", "tracesWriter"] : "roles/telemetry.${role} serviceAccount:acme-gateway@acme-gateway-1.iam.gserviceaccount.com"])
    error_message = "It may more, or less."
  }

  assert {
    condition     = one([for env in google_cloud_run_v2_service.gateway[0].template[0].containers[0].env : env.value if env.name == "OTEL_EXPORTER_OTLP_ENDPOINT"]) == "https://telemetry.googleapis.com"
    error_message = "The proxy does not know whom to tell."
  }
}

run "a_collector_of_ones_own_needs_no_right" {
  command = plan

  variables {
    telemetry_endpoint = "http://collector.example.com:4318"
  }

  assert {
    condition     = length(google_project_iam_member.gateway_telemetry) == 0
    error_message = "A right that nobody needs."
  }

  assert {
    condition     = one([for env in google_cloud_run_v2_service.gateway[0].template[0].containers[0].env : env.value if env.name == "OTEL_EXPORTER_OTLP_ENDPOINT"]) == "http://collector.example.com:4318"
    error_message = "The proxy does not know whom to tell."
  }
}
