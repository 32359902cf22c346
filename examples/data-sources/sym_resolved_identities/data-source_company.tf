terraform {
  required_providers {
    sym = { source = "sym-identity/sym" }
  }
}

# Who lacks an account, which account is nobody's, and who left: for everybody in
# Okta, without a list of users. The address and the token are in SYM_API_URL and SYM_JWT.
data "sym_resolved_identities" "company" {
  users_from     = { service_type = "okta", external_id = "acme.okta.com" }
  services       = [{ service_type = "github", external_id = "acme" }]
  on_unmapped    = "warn"
  report_orphans = true
}

output "company" { value = data.sym_resolved_identities.company }
