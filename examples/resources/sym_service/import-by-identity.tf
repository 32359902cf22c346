import {
  to = sym_service.github
  identity = {
    service_type = "github"
    external_id  = "acme"
  }
}
