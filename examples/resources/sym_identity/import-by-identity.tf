import {
  to = sym_identity.nora_okta
  identity = {
    user         = "nora.lindqvist@acme.example"
    service_type = "okta"
    external_id  = "acme.okta.com"
  }
}
