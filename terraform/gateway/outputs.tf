output "address" {
  description = "What the domain's A record holds; null without a domain."
  value       = one(values(google_compute_global_address.gateway)[*].address)
}

output "audit" {
  description = "Variables of terraform/audit."
  value = {
    dead_letters           = ["projects/${var.project}/subscriptions/${google_pubsub_subscription.evidence_dead.name}"]
    gateway_account        = google_service_account.gateway.email
    request_log_writer     = one(values(google_logging_project_sink.audit)[*].writer_identity)
    write_evidence_account = google_service_account.write_evidence.email
  }
}

output "registry" {
  description = "Where images are pushed to."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.this.repository_id}"
}

output "url" {
  description = "Where clients find the gateway: public_url in affidavit.yaml. Known before there is a proxy."
  value       = "https://${coalesce(var.domain, "${var.prefix}-gateway-${var.project_number}.${var.region}.run.app")}"
}
