import {
  to = sym_user.nora
  id = "nora.lindqvist@acme.example"
}
