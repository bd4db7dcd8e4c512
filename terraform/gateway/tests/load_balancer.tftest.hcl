mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "without_a_domain_there_is_no_load_balancer" {
  command = plan

  assert {
    condition     = length(google_compute_global_forwarding_rule.gateway) == 0 && length(google_compute_security_policy.gateway) == 0 && output.address == null
    error_message = "A load balancer that nobody asked for costs 18 USD a month."
  }
}

run "with_a_domain_nobody_goes_around_its_load_balancer" {
  command = plan

  variables {
    domain  = "gateway.example.com"
    ingress = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].default_uri_disabled == true && google_cloud_run_v2_service.gateway[0].ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    error_message = "The run.app address still answers."
  }

  assert {
    condition     = one([for env in google_cloud_run_v2_service.gateway[0].template[0].containers[0].env : env.value if env.name == "AFFIDAVIT_FORWARDERS"]) == "2"
    error_message = "The records would name the load balancer as the client."
  }

  assert {
    condition     = google_compute_region_network_endpoint_group.gateway["gateway"].network_endpoint_type == "SERVERLESS" && google_compute_region_network_endpoint_group.gateway["gateway"].cloud_run[0].service == "acme-gateway"
    error_message = "Something else stands behind it."
  }

  assert {
    condition     = google_compute_managed_ssl_certificate.gateway["gateway"].managed[0].domains == tolist(["gateway.example.com"])
    error_message = "A certificate for another name."
  }

  assert {
    condition     = google_compute_ssl_policy.gateway["gateway"].min_tls_version == "TLS_1_2" && google_compute_ssl_policy.gateway["gateway"].profile == "MODERN"
    error_message = "Old TLS is taken."
  }

  assert {
    condition     = google_compute_global_forwarding_rule.gateway["gateway"].port_range == "443" && google_compute_global_forwarding_rule.gateway["gateway"].load_balancing_scheme == "EXTERNAL_MANAGED"
    error_message = "Tokens could travel in the clear."
  }

  assert {
    condition     = google_compute_backend_service.gateway["gateway"].log_config[0].enable == true && google_compute_backend_service.gateway["gateway"].log_config[0].sample_rate == 1
    error_message = "Some requests leave no log."
  }

  assert {
    condition     = output.url == "https://gateway.example.com"
    error_message = "Clients are sent somewhere else."
  }

  assert {
    condition     = length(google_compute_security_policy.gateway) == 0 && google_compute_backend_service.gateway["gateway"].security_policy == null
    error_message = "Cloud Armor that nobody asked for."
  }
}

run "a_rate_is_kept_by_cloud_armor" {
  command = plan

  variables {
    domain     = "gateway.example.com"
    ingress    = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    rate_limit = 600
  }

  override_resource {
    target          = google_compute_security_policy.gateway["gateway"]
    override_during = plan
    values          = { id = "projects/acme-gateway-1/global/securityPolicies/acme-gateway" }
  }

  assert {
    condition = anytrue([
      for rule in google_compute_security_policy.gateway["gateway"].rule :
      rule.action == "throttle" && rule.rate_limit_options[0].rate_limit_threshold[0].count == 600 && rule.rate_limit_options[0].exceed_action == "deny(429)" && rule.rate_limit_options[0].enforce_on_key == "IP"
      if length(rule.rate_limit_options) > 0
    ])
    error_message = "Nothing is throttled."
  }

  assert {
    condition     = google_compute_backend_service.gateway["gateway"].security_policy == "projects/acme-gateway-1/global/securityPolicies/acme-gateway"
    error_message = "The policy stands before nothing."
  }
}
