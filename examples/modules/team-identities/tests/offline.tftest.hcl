# Offline: no API, no token, nothing overridden. It proves that the module's own
# expressions hold.

mock_provider "sym" {}

variables {
  people  = ["ada.martin@acme.example", "nora.lindqvist@acme.example"]
  service = { service_type = "okta", external_id = "acme.okta.com" }
}

run "plans_without_an_api" {
  command = plan

  assert {
    condition     = sort(keys(output.accounts)) == sort(var.people)
    error_message = "Everybody is a key of accounts."
  }
}

run "declares_what_is_mapped_by_hand" {
  variables {
    mapped_by_hand = { "nora.lindqvist@acme.example" = "00u2" }
  }

  assert {
    condition     = sym_identities.by_hand[0].identities["nora.lindqvist@acme.example"] == "00u2"
    error_message = "The mapping is not declared."
  }
}

run "declares_nothing_without_need" {
  command = plan

  assert {
    condition     = length(sym_identities.by_hand) == 0
    error_message = "An empty map needs no resource."
  }
}
