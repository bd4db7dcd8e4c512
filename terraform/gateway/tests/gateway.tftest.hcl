mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "the_proxy_authenticates_callers_itself" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].invoker_iam_disabled == true
    error_message = "Cloud Run's check would take the signatures off callers' tokens."
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].ingress == "INGRESS_TRAFFIC_ALL" && google_cloud_run_v2_service.gateway[0].default_uri_disabled == false
    error_message = "Without a domain the run.app address is the only one."
  }
}

run "the_proxy_works_between_requests" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].containers[0].resources[0].cpu_idle == false
    error_message = "What was recorded last would wait for the next request."
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].scaling[0].min_instance_count == 1
    error_message = "No instance is always there."
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].scaling[0].max_instance_count == 10
    error_message = "Instances are not bounded."
  }
}

run "one_process_has_one_vcpu" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].containers[0].resources[0].limits == tomap({ cpu = "1", memory = "1Gi" })
    error_message = "One process does not use more than one vCPU."
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].execution_environment == "EXECUTION_ENVIRONMENT_GEN2"
    error_message = "Not the second generation."
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].max_instance_request_concurrency == 80
    error_message = "Not the requests at once that were given."
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].timeout == "3600s"
    error_message = "Streams are cut off before they must be."
  }
}

run "no_request_comes_before_the_registration" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].containers[0].startup_probe[0].http_get[0].path == "/readyz"
    error_message = "The startup probe does not ask whether the writer is registered."
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].containers[0].liveness_probe[0].http_get[0].path == "/healthz"
    error_message = "The liveness probe asks for more than being alive: an outage of the bus would kill the instance."
  }
}

run "the_image_is_its_digest_and_the_process_knows_it" {
  command = plan

  assert {
    condition     = endswith(google_cloud_run_v2_service.gateway[0].template[0].containers[0].image, "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    error_message = "The image is not named by its digest."
  }

  assert {
    condition = { for env in google_cloud_run_v2_service.gateway[0].template[0].containers[0].env : env.name => env.value } == {
      AFFIDAVIT_BODY_BUCKETS      = "payroll=acme-body-payroll,standard=acme-body-standard"
      AFFIDAVIT_DATABASE          = "(default)"
      AFFIDAVIT_DEPLOYMENT_SECRET = "projects/acme-gateway-1/secrets/acme-deployment/versions/1"
      AFFIDAVIT_EVIDENCE_BUCKET   = "acme-evidence"
      AFFIDAVIT_EVIDENCE_TOPIC    = "projects/acme-gateway-1/topics/acme-evidence"
      AFFIDAVIT_FORWARDERS        = "1"
      AFFIDAVIT_IMAGE             = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      AFFIDAVIT_PROJECT           = "acme-gateway-1"
    }
    error_message = "The proxy is told something else."
  }
}

run "the_configuration_is_a_file_of_one_version" {
  command = plan

  override_resource {
    target          = google_secret_manager_secret_version.config
    override_during = plan
    values          = { version = "7" }
  }

  assert {
    condition     = one(google_cloud_run_v2_service.gateway[0].template[0].containers[0].volume_mounts).mount_path == "/etc/affidavit"
    error_message = "The configuration is somewhere else."
  }

  assert {
    condition     = one(google_cloud_run_v2_service.gateway[0].template[0].volumes[0].secret[0].items).path == "affidavit.yaml"
    error_message = "The configuration is called something else."
  }

  assert {
    condition     = one(google_cloud_run_v2_service.gateway[0].template[0].volumes[0].secret[0].items).version == "7"
    error_message = "An instance could start with another policy than its revision's."
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].volumes[0].secret[0].secret == "acme-config"
    error_message = "Another secret is mounted."
  }
}

run "everything_but_the_proxy_is_made_before_there_is_an_image" {
  command = plan

  variables {
    image = null
  }

  assert {
    condition     = length(google_cloud_run_v2_service.gateway) == 0
    error_message = "A proxy without an image."
  }

  assert {
    condition     = output.registry == "europe-west1-docker.pkg.dev/acme-gateway-1/acme"
    error_message = "The first image has nowhere to go."
  }

  assert {
    condition     = output.url == "https://acme-gateway-123456789012.europe-west1.run.app"
    error_message = "The configuration cannot say where clients will find the gateway."
  }
}

run "by_default_nothing_goes_through_a_network" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_service.gateway[0].template[0].vpc_access) == 0
    error_message = "A network that nobody gave."
  }
}

run "what_the_proxy_sends_goes_through_a_network_if_one_is_given" {
  command = plan

  variables {
    network = { egress = "ALL_TRAFFIC", network = "acme", subnetwork = "acme-europe-west1" }
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].vpc_access[0].egress == "ALL_TRAFFIC"
    error_message = "Some of it goes around the network."
  }

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].template[0].vpc_access[0].network_interfaces[0].subnetwork == "acme-europe-west1"
    error_message = "It goes through another network."
  }
}

run "the_proxy_is_not_destroyed_by_mistake" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.gateway[0].deletion_protection == true
    error_message = "A plan could destroy the proxy."
  }
}
