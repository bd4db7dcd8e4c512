# Who is meant where, in all other files, and the one role that Google does not have ready. Each grant stands beside what it
# is a grant on.

locals {
  # The gateway's project makes these accounts; before it has, nobody writes.
  gateway        = var.gateway_account == null ? {} : { gateway = "serviceAccount:${var.gateway_account}" }
  write_evidence = var.write_evidence_account == null ? {} : { write_evidence = "serviceAccount:${var.write_evidence_account}" }
  writers        = merge(local.gateway, local.write_evidence)

  auditors = var.auditors_group == null ? {} : { auditors = "group:${var.auditors_group}" }

  # Of everything that is verified.
  readers = merge(local.auditors, {
    checker   = google_service_account.checker.member
    sequencer = google_service_account.sequencer.member
  })
}

# storage.objectViewer without folders and without the project.
resource "google_project_iam_custom_role" "reader" {
  project         = var.project
  role_id         = "${replace(var.prefix, "-", "_")}_object_reader"
  title           = "Affidavit object reader"
  description     = "Lists and reads objects"
  permissions     = ["storage.objects.get", "storage.objects.list"]
  stage           = "GA"
  deletion_policy = "PREVENT"
}

# storage.objectUser without folders and without the project: for the two buckets whose objects are replaced.
resource "google_project_iam_custom_role" "keeper" {
  project         = var.project
  role_id         = "${replace(var.prefix, "-", "_")}_object_keeper"
  title           = "Affidavit object keeper"
  description     = "Lists, reads, creates, replaces and deletes objects"
  permissions     = ["storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"]
  stage           = "GA"
  deletion_policy = "PREVENT"
}
