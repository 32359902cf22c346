# The accounts of two people in two services.
data "sym_resolved_identities" "team" {
  users = ["ada.martin@acme.example", "mei.tanaka@acme.example"]
  services = [
    { service_type = "okta", external_id = "acme.okta.com" },
    { service_type = "github", external_id = "acme" },
  ]
  on_unmapped = "warn" # or "error", the default
}

output "team" {
  value = data.sym_resolved_identities.team.identities # user → service key → identity
}
