# One mapping.
resource "sym_identity" "nora_okta" {
  user         = "nora.lindqvist@acme.example"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00uaj8gxbenyx4k2q5d7"
}

# One for each entry of a map.
locals {
  github_logins = {
    "kofi.mensah@contractor.example" = "nightowl-42"
    "sam.okafor@acme.example"        = "sam-okafor-acme"
  }
}

resource "sym_identity" "github" {
  for_each = local.github_logins

  user         = each.key
  service_type = sym_service.github.service_type
  external_id  = sym_service.github.external_id
  identity     = each.value
}

resource "sym_service" "github" {
  service_type = "github"
  external_id  = "acme"
}

# A service whose accounts have more than one string.
resource "sym_identity" "sam_ldap" {
  user         = "sam.okafor@acme.example"
  service_type = "ldap"
  external_id  = "ldap.acme.example"
  matcher = {
    uid = "sokafor"
    ou  = "platform"
  }
}
