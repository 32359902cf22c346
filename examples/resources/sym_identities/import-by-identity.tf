import {
  to = sym_identities.okta
  identity = {
    service_type = "okta"
    external_id  = "acme.okta.com"
  }
}
