# Spans and metrics of calls, never what was said in them, if somebody is to be told: a collector, or Google's own.

locals {
  telemetry       = var.telemetry_endpoint == null ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT = var.telemetry_endpoint }
  google_is_told  = try(regex("^https://telemetry[.]googleapis[.]com(/|$)", var.telemetry_endpoint), null) != null
  telemetry_roles = { metrics = "roles/telemetry.metricsWriter", traces = "roles/telemetry.tracesWriter" }
}

resource "google_project_iam_member" "gateway_telemetry" {
  for_each = local.google_is_told ? local.telemetry_roles : {}

  project = var.project
  role    = each.value
  member  = google_service_account.gateway.member
}
