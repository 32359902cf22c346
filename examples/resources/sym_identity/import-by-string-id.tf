import {
  to = sym_identity.nora_okta
  id = "nora.lindqvist@acme.example,okta:acme.okta.com"
}
