# State that is not evidence: the tool definitions that were accepted, and what was revoked.

resource "google_firestore_database" "state" {
  project                           = var.project
  name                              = var.database
  location_id                       = var.region
  type                              = "FIRESTORE_NATIVE"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = "DELETE_PROTECTION_ENABLED"
  deletion_policy                   = "PREVENT"
}

resource "google_project_iam_member" "gateway_database" {
  project = var.project
  role    = "roles/datastore.user"
  member  = google_service_account.gateway.member

  condition {
    title      = "this database alone"
    expression = "resource.name == \"projects/${var.project}/databases/${var.database}\""
  }
}
