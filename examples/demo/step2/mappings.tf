# Manual mappings: service → e-mail → account. Each entry is a line
# that the plan printed, with the account filled in.

locals {
  mappings = {
    okta = {
      # Married in May; Okta still has her as nora.berg@acme.example.
      "nora.lindqvist@acme.example" = "00uaj8gxbenyx4k2q5d7"
    }
    pagerduty = {
      "nora.lindqvist@acme.example" = "PJQWX4H"
    }
    github = {
      # Contractor; the login is registered to a private address.
      "kofi.mensah@contractor.example" = "nightowl-42"
      # Signed up before her name changed.
      "maria.santos@acme.example" = "mariasilva"
      # Has two accounts; only this one is in the organization.
      "sam.okafor@acme.example" = "sam-okafor-acme"
    }
    statuspage = {
      # The status page has a typing error in his address.
      "ben.adeyemi@acme.example" = "usr_2zwehrgf"
    }
    aws_iam = {
      # The rule gives user/tomas.novak, but his user is older than the rule.
      "tomas.novak@acme.example" = "arn:aws:iam::123456789012:user/tnovak"
    }
  }
}
