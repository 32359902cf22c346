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
  service_type = "github"
  external_id  = "acme"
  identity     = each.value
}

# A service whose accounts have more than one string, registered here.
resource "sym_service" "ldap" {
  service_type = "ldap"
  external_id  = "ldap.acme.example"
}

resource "sym_identity" "sam_ldap" {
  user         = "sam.okafor@acme.example"
  service_type = sym_service.ldap.service_type
  external_id  = sym_service.ldap.external_id
  matcher = {
    uid = "sokafor"
    ou  = "platform"
  }
}
