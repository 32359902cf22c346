# Who in a team has an account where: what can be looked up is looked up, what
# cannot is declared, and everybody left is in the output unmapped.

terraform {
  required_version = ">= 1.8"
  required_providers {
    sym = {
      source  = "sym-identity/sym"
      version = ">= 0.1"
    }
  }
}

locals {
  service_key = "${var.service.service_type}:${var.service.external_id}"
}

data "sym_resolved_identities" "team" {
  users       = var.people
  services    = [var.service]
  rules       = var.rules
  declared    = { (local.service_key) = var.mapped_by_hand }
  on_unmapped = var.on_unmapped
}

resource "sym_identities" "by_hand" {
  count = length(var.mapped_by_hand) > 0 ? 1 : 0

  service_type = var.service.service_type
  external_id  = var.service.external_id
  identities   = var.mapped_by_hand
}
