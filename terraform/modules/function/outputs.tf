output "name" {
  description = "The function's name, which is also that of the Cloud Run service underneath."
  value       = google_cloudfunctions2_function.this.name
}

output "uri" {
  description = "Where it is called, and the audience of tokens for it."
  value       = google_cloudfunctions2_function.this.service_config[0].uri
}
