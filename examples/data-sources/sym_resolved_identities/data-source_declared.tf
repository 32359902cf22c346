# Manual mappings of this configuration: service key → user → identity.
locals {
  engineers = ["ada.martin@acme.example", "kofi.mensah@contractor.example", "mei.tanaka@acme.example"]

  manual = {
    "github:acme" = {
      "kofi.mensah@contractor.example" = "nightowl-42"
    }
  }
}

data "sym_resolved_identities" "engineers" {
  users = local.engineers # default: everybody who is stored
  services = [
    { service_type = "okta", external_id = "acme.okta.com" },
    { service_type = "github", external_id = "acme" },
  ]

  # With this, the plan that adds mappings passes.
  declared = local.manual

  # One warning lists all unmapped people. "error", the default, fails the plan.
  on_unmapped = "warn"
  check_stale = true
}

resource "sym_identity" "github" {
  for_each = local.manual["github:acme"]

  user         = each.key
  service_type = "github"
  external_id  = "acme"
  identity     = each.value
}

# Unmapped people are missing, and the map is empty in mocks: read it with try.
output "ada_on_github" {
  value = try(data.sym_resolved_identities.engineers.identities["ada.martin@acme.example"]["github:acme"], null)
}

output "unmapped" {
  value = data.sym_resolved_identities.engineers.unmapped
}

# Blocks to paste and fill in: terraform output -raw mappings_to_add
output "mappings_to_add" {
  value = data.sym_resolved_identities.engineers.hcl
}
