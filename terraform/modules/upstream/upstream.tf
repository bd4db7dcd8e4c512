# The gateway's account alone may invoke the service: whoever else was granted it on the service loses it.

data "google_cloud_run_v2_service" "upstream" {
  project  = var.project
  location = var.region
  name     = var.service
}

resource "google_cloud_run_v2_service_iam_binding" "only_the_gateway" {
  project  = var.project
  location = var.region
  name     = var.service
  role     = "roles/run.invoker"
  members  = ["serviceAccount:${var.gateway_account}"]

  lifecycle {
    precondition {
      condition     = coalesce(data.google_cloud_run_v2_service.upstream.invoker_iam_disabled, false) == false
      error_message = "${var.service} checks no invoker (invoker_iam_disabled), so this binding would bind nobody. First: gcloud run services update ${var.service} --project=${var.project} --region=${var.region} --invoker-iam-check"
    }

    precondition {
      condition     = data.google_cloud_run_v2_service.upstream.ingress == var.ingress
      error_message = "${var.service} has not the ingress ${var.ingress}. First: gcloud run services update ${var.service} --project=${var.project} --region=${var.region} --ingress=${local.ingress[var.ingress]}"
    }
  }
}

locals {
  ingress = { # as gcloud calls them
    INGRESS_TRAFFIC_ALL                    = "all"
    INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER = "internal-and-cloud-load-balancing"
    INGRESS_TRAFFIC_INTERNAL_ONLY          = "internal"
  }
}
