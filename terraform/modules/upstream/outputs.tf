output "audience" {
  description = "What affidavit.yaml says as credential.google_id_token.audience, and its url begins with."
  value       = data.google_cloud_run_v2_service.upstream.uri
}
