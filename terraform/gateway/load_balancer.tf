# A domain of one's own: an external load balancer with a managed certificate before the proxy, and Cloud Armor before that
# if a rate is given. There is no port 80: no token ever travels in the clear.

locals {
  load_balancer = var.domain != null && var.image != null ? { gateway = "${var.prefix}-gateway" } : {}
}

resource "google_compute_region_network_endpoint_group" "gateway" {
  for_each = local.load_balancer

  project               = var.project
  region                = var.region
  name                  = each.value
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloud_run_v2_service.gateway[0].name
  }
}

resource "google_compute_security_policy" "gateway" {
  for_each = var.rate_limit == null ? {} : local.load_balancer

  project = var.project
  name    = each.value

  rule {
    action      = "throttle"
    priority    = 1000
    description = "So many requests a minute of one address"

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }

    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"

      rate_limit_threshold {
        count        = var.rate_limit
        interval_sec = 60
      }
    }
  }

  rule {
    action      = "allow"
    priority    = 2147483647
    description = "Everything else: the proxy authenticates it"

    match {
      versioned_expr = "SRC_IPS_V1"

      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}

resource "google_compute_backend_service" "gateway" {
  for_each = local.load_balancer

  project               = var.project
  name                  = each.value
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = one(values(google_compute_security_policy.gateway)[*].id)

  backend {
    group = google_compute_region_network_endpoint_group.gateway[each.key].id
  }

  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "gateway" {
  for_each = local.load_balancer

  project         = var.project
  name            = each.value
  default_service = google_compute_backend_service.gateway[each.key].id
}

# Named after the domain: another domain is another certificate, made before the old one goes.
resource "google_compute_managed_ssl_certificate" "gateway" {
  for_each = local.load_balancer

  project = var.project
  name    = "${each.value}-${substr(sha256(var.domain), 0, 8)}"

  managed {
    domains = [var.domain]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_ssl_policy" "gateway" {
  for_each = local.load_balancer

  project         = var.project
  name            = each.value
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "gateway" {
  for_each = local.load_balancer

  project          = var.project
  name             = each.value
  url_map          = google_compute_url_map.gateway[each.key].id
  ssl_certificates = [google_compute_managed_ssl_certificate.gateway[each.key].id]
  ssl_policy       = google_compute_ssl_policy.gateway[each.key].id
}

resource "google_compute_global_address" "gateway" {
  for_each = local.load_balancer

  project = var.project
  name    = each.value
}

resource "google_compute_global_forwarding_rule" "gateway" {
  for_each = local.load_balancer

  project               = var.project
  name                  = each.value
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.gateway[each.key].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.gateway[each.key].id
}
