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
  file     = yamldecode(fileexists(var.exceptions) ? file(var.exceptions) : "[]")
  services = [for s in var.services : "${s.service_type}:${s.external_id}"]

  # What the file says, "" for what it leaves open.
  entries = [for entry in try([for e in local.file : e], []) : {
    for name in ["service", "user", "identity", "exempt"] : name => try(tostring(entry[name]), null) == null ? "" : tostring(entry[name])
  }]
  # Service key to user to what the file says. A person who is there twice is an error below.
  declared = { for service in local.services : service => { for user, ids in { for e in local.entries : e.user => e.identity... if e.service == service && e.identity != "" } : user => ids[0] } }
  exempt   = { for service in local.services : service => { for user, why in { for e in local.entries : e.user => e.exempt... if e.service == service && e.exempt != "" } : user => why[0] } }
  twice = flatten([for service in local.services : [
    for users in values({ for e in local.entries : lower(trimspace(e.user)) => e.user... if e.service == service }) : "${join(" and ", users)} in ${service}" if length(users) > 1
  ]])
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
      condition     = can([for entry in local.file : keys(entry)]) && !can(keys(local.file))
      error_message = "${var.exceptions} holds no list of entries. Restore it; a file without exceptions is []."
    }
    precondition {
      condition     = length(setsubtract(local.entries[*].service, local.services)) == 0
      error_message = "${var.exceptions} has exceptions for services that are not in services: ${join(", ", setsubtract(local.entries[*].service, local.services))}."
    }
    precondition {
      condition     = alltrue([for entry in try([for e in local.file : e], []) : length(setsubtract(try(keys(entry), []), ["service", "user", "identity", "exempt", "reason", "candidates"])) == 0])
      error_message = "An entry of ${var.exceptions} has something other than service, user, identity, exempt, reason and candidates."
    }
    precondition {
      condition     = alltrue([for entry in try([for e in local.file : e], []) : alltrue([for value in try(values(entry), []) : try(value == tostring(value), true)])])
      error_message = "${var.exceptions} has a value that YAML reads as a number, or as true or false, such as 0123, 1e5 or no. Put it in quotes."
    }
    precondition {
      condition     = alltrue([for e in local.entries : e.user != "" && (e.identity == "" || e.exempt == "")])
      error_message = "An entry of ${var.exceptions} has no user, or both an identity and a reason for having none."
    }
    precondition {
      condition     = length(local.twice) == 0
      error_message = "${var.exceptions} has people twice: ${join("; ", local.twice)}. Keep one entry of each."
    }
  }
}

resource "sym_identities" "exceptions" {
  for_each = { for service in var.services : "${service.service_type}:${service.external_id}" => service if length(local.declared["${service.service_type}:${service.external_id}"]) > 0 }

  service_type = each.value.service_type
  external_id  = each.value.external_id
  identities   = local.declared[each.key]
}
