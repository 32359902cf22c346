import {
  to = sym_service.github
  id = "github:acme"
}
