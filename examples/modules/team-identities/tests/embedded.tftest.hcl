# The real chain, in the provider's own process, on the people of a fixture
# file. The store is a file of its own that the run leaves empty again.

provider "sym" {
  embedded = { config = "tests/fixture/sym-identityd.hcl" }
}

variables {
  people  = ["ada.martin@acme.example", "nora.lindqvist@acme.example"]
  service = { service_type = "okta", external_id = "acme.okta.com" }
}

run "names_who_is_unmapped" {
  command = plan

  variables {
    on_unmapped = "ignore"
  }

  assert {
    condition     = output.unmapped == ["nora.lindqvist@acme.example"]
    error_message = "Nora's address is in no account."
  }

  assert {
    condition     = output.accounts["ada.martin@acme.example"] == "00u1"
    error_message = "Ada is found by e-mail."
  }
}

run "maps_by_hand" {
  variables {
    mapped_by_hand = { "nora.lindqvist@acme.example" = "00u2" }
  }

  assert {
    condition     = output.accounts == { "ada.martin@acme.example" = "00u1", "nora.lindqvist@acme.example" = "00u2" }
    error_message = "Both have their accounts."
  }

  assert {
    condition     = length(output.unmapped) == 0
    error_message = "Nobody is left."
  }
}

run "applies_a_rule" {
  command = plan

  variables {
    rules = [{
      name         = "married names"
      service_type = "okta"
      identities   = { "nora.lindqvist@acme.example" = "00u2" }
    }]
  }

  assert {
    condition     = output.accounts["nora.lindqvist@acme.example"] == "00u2"
    error_message = "The rule gives the account."
  }
}
