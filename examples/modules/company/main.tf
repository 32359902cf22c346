# Everybody who works here, and their accounts in some services. What nobody can
# look up is in a reviewed file of exceptions: an identity, or the reason why
# somebody has none. The output exceptions writes that file.

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
  file     = yamldecode(fileexists(var.exceptions) ? file(var.exceptions) : "{}")
  services = [for s in var.services : "${s.service_type}:${s.external_id}"]

  # Service key to user to what the file says, "" for what it leaves open.
  entries = {
    for service in local.services : service => {
      for user, entry in try(local.file[service], {}) : user => {
        for name in ["identity", "exempt"] : name => try(tostring(entry[name]), null) == null ? "" : tostring(entry[name])
      }
    }
  }
  declared = { for service, users in local.entries : service => { for user, e in users : user => e.identity if e.identity != "" } }
  exempt   = { for service, users in local.entries : service => { for user, e in users : user => e.exempt if e.exempt != "" } }
}

data "sym_resolved_identities" "company" {
  users_from     = var.users_from
  services       = var.services
  declared       = local.declared
  exempt         = local.exempt
  report_orphans = var.report_orphans
  on_unmapped    = var.on_unmapped

  lifecycle {
    precondition {
      condition     = can(keys(local.file))
      error_message = "${var.exceptions} holds no map. Restore it; a file without exceptions is {}."
    }
    precondition {
      condition     = length(setsubtract(try(keys(local.file), []), local.services)) == 0
      error_message = "${var.exceptions} has exceptions for services that are not in services: ${join(", ", setsubtract(try(keys(local.file), []), local.services))}."
    }
    precondition {
      condition = alltrue(flatten([for service in local.services : [
        for entry in values(try(local.file[service], {})) : can(keys(entry)) && length(setsubtract(try(keys(entry), []), ["identity", "exempt", "reason", "candidates"])) == 0
      ]]))
      error_message = "An entry of ${var.exceptions} has something other than identity, exempt, reason and candidates."
    }
    precondition {
      condition     = alltrue(flatten([for users in values(local.entries) : [for e in values(users) : e.identity == "" || e.exempt == ""]]))
      error_message = "An entry of ${var.exceptions} has both an identity and a reason for having none."
    }
  }
}

resource "sym_identities" "exceptions" {
  for_each = { for service in var.services : "${service.service_type}:${service.external_id}" => service if length(local.declared["${service.service_type}:${service.external_id}"]) > 0 }

  service_type = each.value.service_type
  external_id  = each.value.external_id
  identities   = local.declared[each.key]
}
