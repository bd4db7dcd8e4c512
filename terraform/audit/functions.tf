# What both functions are built from, and who calls them.

module "package" {
  source = "../modules/package"

  bucket  = "${var.prefix}-audit-functions"
  prefix  = var.prefix
  project = var.project
  region  = var.region
  zip     = var.functions_zip
}

resource "google_service_account" "scheduler" {
  project         = var.project
  account_id      = "${var.prefix}-scheduler"
  display_name    = "Affidavit scheduler"
  description     = "Calls the sequencer and the checker; may do nothing else."
  deletion_policy = "PREVENT"
}
