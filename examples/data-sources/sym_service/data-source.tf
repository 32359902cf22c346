# If the service is not registered, the error lists the registered ones of this type.
data "sym_service" "okta" {
  service_type = "okta"
  external_id  = "acme.okta.com"
}

resource "sym_identity" "nora_okta" {
  user         = "nora.lindqvist@acme.example"
  service_type = data.sym_service.okta.service_type
  external_id  = data.sym_service.okta.external_id
  identity     = "00uaj8gxbenyx4k2q5d7"
}
