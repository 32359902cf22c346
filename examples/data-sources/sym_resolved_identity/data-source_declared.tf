# Manual mappings of this configuration: e-mail → GitHub login.
locals {
  engineers = ["ada.martin@acme.example", "kofi.mensah@contractor.example"]

  github_logins = {
    "kofi.mensah@contractor.example" = "nightowl-42"
  }
}

# The plan fails while anybody is unmapped.
data "sym_resolved_identity" "github" {
  for_each = toset(local.engineers)

  user         = each.value
  service_type = "github"
  external_id  = "acme"

  # With this, the plan that adds a mapping passes.
  declared = local.github_logins
}

resource "sym_identity" "github" {
  for_each = local.github_logins

  user         = each.key
  service_type = "github"
  external_id  = "acme"
  identity     = each.value
}

output "github_logins" {
  value = { for email, found in data.sym_resolved_identity.github : email => found.identity }
}
