# The proxy: the one service that anybody may call, because it authenticates callers itself. Cloud Run's own check would
# take the signature off a caller's token, and refuse the tokens of other issuers.

locals {
  parts = "apply|builder|checker|evidence-push|gateway|plan|scheduler|sequencer|write-evidence" # accounts of both projects

  environment = merge(local.telemetry, {
    AFFIDAVIT_BODY_BUCKETS      = local.body_buckets
    AFFIDAVIT_DATABASE          = google_firestore_database.state.name
    AFFIDAVIT_DEPLOYMENT_SECRET = "projects/${var.project}/secrets/${google_secret_manager_secret.this[local.deployment].secret_id}/versions/${var.deployment_secret_version}"
    AFFIDAVIT_EVIDENCE_BUCKET   = var.evidence_bucket
    AFFIDAVIT_EVIDENCE_TOPIC    = "projects/${var.project}/topics/${google_pubsub_topic.evidence.name}"
    AFFIDAVIT_FORWARDERS        = var.domain == null ? "1" : "2" # whose hops stand last in X-Forwarded-For: Google's, and the load balancer's
    AFFIDAVIT_IMAGE             = try(split("@", var.image)[1], "")
    AFFIDAVIT_PROJECT           = var.project
  })
}

resource "google_service_account" "gateway" {
  project         = var.project
  account_id      = "${var.prefix}-gateway"
  display_name    = "Affidavit gateway"
  description     = "Publishes records and calls upstreams. The log admits writers of this account alone as gateways."
  deletion_policy = "PREVENT"
}

# What an upstream's credential says it impersonates: tokens of these accounts, and of no other.
resource "google_service_account_iam_member" "impersonates" {
  for_each = var.impersonated_accounts

  service_account_id = "projects/-/serviceAccounts/${each.value}"
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_service_account.gateway.member

  lifecycle {
    precondition {
      condition     = !can(regex("^${var.prefix}-(${local.parts})@", each.value))
      error_message = "${each.value} is another part of Affidavit, which then could not be told from the gateway."
    }
  }
}

resource "google_cloud_run_v2_service" "gateway" {
  count = var.image == null ? 0 : 1

  project              = var.project
  location             = var.region
  name                 = "${var.prefix}-gateway"
  description          = "MCP gateway with an audit trail that is evidence"
  ingress              = var.ingress
  default_uri_disabled = var.domain != null
  invoker_iam_disabled = true
  deletion_protection  = true

  template {
    service_account                  = google_service_account.gateway.email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = var.concurrency
    timeout                          = "3600s" # the most; a stream is one request

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    dynamic "vpc_access" {
      for_each = var.network == null ? {} : { direct = var.network }

      content {
        egress = vpc_access.value.egress

        network_interfaces {
          network    = vpc_access.value.network
          subnetwork = vpc_access.value.subnetwork
        }
      }
    }

    containers {
      image = var.image

      # One process is one writer with one segment in flight: it uses one vCPU, and more calls need more instances.
      # cpu_idle = false: segments and `writer:alive` are published between requests, too.
      resources {
        limits            = { cpu = "1", memory = var.memory }
        cpu_idle          = false
        startup_cpu_boost = true
      }

      ports {
        name           = "http1"
        container_port = 8080
      }

      dynamic "env" {
        for_each = local.environment

        content {
          name  = env.key
          value = env.value
        }
      }

      # Ready means registered: no call comes to a writer that the evidence bucket does not know.
      startup_probe {
        initial_delay_seconds = 0
        period_seconds        = 2
        timeout_seconds       = 1
        failure_threshold     = 60

        http_get {
          path = "/readyz"
          port = 8080
        }
      }

      liveness_probe {
        initial_delay_seconds = 0
        period_seconds        = 10
        timeout_seconds       = 5
        failure_threshold     = 3

        http_get {
          path = "/healthz"
          port = 8080
        }
      }

      volume_mounts {
        name       = "config"
        mount_path = "/etc/affidavit"
      }
    }

    # By its version: a changed policy is a new revision, and an instance never starts with another one than its revision's.
    volumes {
      name = "config"

      secret {
        secret       = google_secret_manager_secret.this[local.config].secret_id
        default_mode = 292 # 0444

        items {
          path    = "affidavit.yaml"
          version = google_secret_manager_secret_version.config.version
        }
      }
    }
  }

  depends_on = [
    google_project_iam_member.gateway_database,
    google_pubsub_subscription.evidence_write, # a topic without a subscription swallows what is published
    google_pubsub_topic_iam_member.gateway_publishes,
    google_secret_manager_secret_iam_member.gateway_reads,
  ]
}
