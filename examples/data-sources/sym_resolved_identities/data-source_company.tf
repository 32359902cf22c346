terraform {
  required_providers {
    sym = { source = "sym-identity/sym" }
  }
}

# Everybody in Okta: who has no account, which accounts belong to nobody, and who
# left. The provider reads SYM_API_URL and SYM_JWT.
data "sym_resolved_identities" "company" {
  users_from     = { service_type = "okta", external_id = "acme.okta.com" }
  services       = [{ service_type = "github", external_id = "acme" }]
  on_unmapped    = "warn"
  report_orphans = true
}

output "company" { value = data.sym_resolved_identities.company }
