variable "gateway_account" {
  description = "Email of the gateway's account, `<prefix>-gateway@<project>.iam.gserviceaccount.com`: the only invoker."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]+@[a-z][a-z0-9-]+[.]iam[.]gserviceaccount[.]com$", var.gateway_account))
    error_message = "The email of a service account; a group or a domain would let others around the gateway."
  }
}

variable "ingress" {
  description = "The ingress that the upstream has to have. Internal asks the gateway for Direct VPC egress (its variable network)."
  type        = string
  default     = "INGRESS_TRAFFIC_INTERNAL_ONLY"

  validation {
    condition = contains(
      ["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"],
      var.ingress
    )
    error_message = "One of INGRESS_TRAFFIC_ALL, INGRESS_TRAFFIC_INTERNAL_ONLY, INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER."
  }
}

variable "project" {
  description = "The upstream's project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's ID, not its number or name."
  }
}

variable "region" {
  description = "The upstream's region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region such as europe-west1."
  }
}

variable "service" {
  description = "Name of the upstream's Cloud Run service."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,47}[a-z0-9]$", var.service))
    error_message = "Not the name of a Cloud Run service."
  }
}
