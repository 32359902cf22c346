terraform {
  required_providers {
    sym = {
      source  = "sym-identity/sym"
      version = "~> 0.1.0"
    }
  }
}

# The token comes from SYM_JWT.
provider "sym" {
  org     = "acme"
  api_url = "https://identity.acme.example/api/v1"

  # Reducer rules for every data source. The first that gives an identity wins.
  rules = [
    {
      name         = "iam user"
      service_type = "aws_iam"
      match        = ".*@acme\\.example"
      identity     = "arn:aws:iam::123456789012:user/$${local}"
    },
    {
      name         = "people of an acquired company in okta"
      service_type = "okta"
      match        = ".*@globex\\.example"
      lookup_email = "$${local}@acme.example"
    },
    {
      name         = "bots on github"
      service_type = "github"
      external_id  = "acme"
      expression   = "user.type == 'bot' ? 'acme-' + user.username : ''"
    },
  ]
}
