data "sym_resolved_identity" "ada_okta" {
  user         = "ada.martin@acme.example"
  service_type = "okta"
  external_id  = "acme.okta.com"
}

output "ada_okta" {
  value = data.sym_resolved_identity.ada_okta.identity
}
