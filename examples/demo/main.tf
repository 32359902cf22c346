# Who at Acme has which account? people.csv says who needs what; the provider
# finds the accounts, and the plan fails while anybody has none.

terraform {
  required_providers {
    sym = {
      source  = "sym-identity/sym"
      version = "~> 0.1.0"
    }
  }
}

provider "sym" {
  org = "acme"

  # The identity API in this process. With a server: api_url = "https://…/api/v1".
  embedded = {
    config = "sym-identityd.hcl"
  }

  rules = [
    # IAM users are named after the e-mail.
    {
      name         = "iam user"
      service_type = "aws_iam"
      match        = ".*@(acme|globex)\\.example"
      identity     = "arn:aws:iam::123456789012:user/$${local}"
    },
    # Globex was acquired: its people moved into Acme's Okta under a new address …
    {
      name         = "globex in okta"
      service_type = "okta"
      match        = ".*@globex\\.example"
      lookup_email = "$${local}@acme.example"
    },
    # … and their GitHub accounts were made by a script.
    {
      name         = "globex on github"
      service_type = "github"
      match        = "([a-z]+)\\.([a-z]+)@globex\\.example"
      identity     = "$1-$2-globex"
    },
    # Bots have no e-mail to look up.
    {
      name         = "bots on github"
      service_type = "github"
      expression   = "user.type == 'bot' ? 'acme-' + user.username : ''"
    },
  ]
}

locals {
  services = {
    okta       = { service_type = "okta", external_id = "acme.okta.com" }
    github     = { service_type = "github", external_id = "acme" }
    pagerduty  = { service_type = "pagerduty", external_id = "acme" }
    aws_iam    = { service_type = "aws_iam", external_id = "123456789012" }
    statuspage = { service_type = "custom", external_id = "statuspage" }
  }

  people = csvdecode(file("people.csv"))

  # One account per person and service they need.
  accounts = merge([
    for person in local.people : {
      for service in split(" ", person.services) : "${person.email} ${service}" => {
        user    = person.email
        service = service
        left    = person.status == "left"
      }
    }
  ]...)

  # What no rule and no lookup can know, from mappings.tf, one entry per account.
  declared = merge([
    for service, identities in local.mappings : {
      for user, identity in identities : "${user} ${service}" => {
        user     = user
        service  = service
        identity = identity
      }
    }
  ]...)
}

data "sym_resolved_identity" "account" {
  for_each = local.accounts

  user         = each.value.user
  service_type = local.services[each.value.service].service_type
  external_id  = local.services[each.value.service].external_id

  # The mappings that this configuration is about to store count already.
  declared = try(local.mappings[each.value.service], {})

  # Who has left may lack an account; everybody else must have theirs.
  on_unmapped = each.value.left ? "warn" : "error"
}

data "sym_resolved_identity" "deploy_bot" {
  user         = "deploy-bot"
  service_type = local.services.github.service_type
  external_id  = local.services.github.external_id
}

resource "sym_identity" "manual" {
  for_each = local.declared

  user         = each.value.user
  service_type = local.services[each.value.service].service_type
  external_id  = local.services[each.value.service].external_id
  identity     = each.value.identity
}

locals {
  # person → service → account, for whatever needs it next: group memberships,
  # access policies, on-call schedules.
  identities = merge(
    {
      for person in local.people : person.email => {
        for service in split(" ", person.services) :
        service => data.sym_resolved_identity.account["${person.email} ${service}"].identity
        if data.sym_resolved_identity.account["${person.email} ${service}"].mapped
      }
    },
    { deploy-bot = { github = data.sym_resolved_identity.deploy_bot.identity } },
  )
}

output "identities" {
  description = "Everybody and their accounts, one line per person."
  value = {
    for person, accounts in local.identities :
    person => join("  ", [for service, account in accounts : "${service}=${account}"])
  }
}

output "found_by" {
  description = "How many accounts each step of the chain found."
  value = {
    for source, accounts in {
      for key, account in data.sym_resolved_identity.account : account.source => key... if account.mapped
    } : source => length(accounts)
  }
}
