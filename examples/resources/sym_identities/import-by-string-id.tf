import {
  to = sym_identities.okta
  id = "okta:acme.okta.com"
}
