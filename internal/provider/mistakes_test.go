// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

// The mistakes of TestAccMistakes. A name in capitals is replaced: PORT by the
// server's, ADMIN and GUEST by tokens. A data source uses each provider block.

var mistakesOfValidate = []mistake{
	{"An attribute with a typing error", `resource "sym_identity" "typo" {
  user         = "ada@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u1"
  alow_shared  = true
}`},
	{"A group in a template without the second dollar sign", `provider "sym" {
  alias = "quoting"
  rules = [{ name = "iam", service_type = "aws_iam", match = "(?P<name>.*)@acme\\.com", identity = "arn:aws:iam::123456789012:user/${name}" }]
}`},
	{"Neither identity nor matcher", `resource "sym_identity" "no_value" {
  user         = "ada@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
}`},
	{"An ARN of another account", `resource "sym_identity" "other_account" {
  user         = "ada@acme.com"
  service_type = "aws_iam"
  external_id  = "123456789012"
  identity     = "arn:aws:iam::999999999999:user/ada"
}`},
	{"A role's ARN", `resource "sym_identity" "role" {
  user         = "ada@acme.com"
  service_type = "aws_iam"
  external_id  = "123456789012"
  identity     = "arn:aws:iam::123456789012:role/admin"
}`},
	{"An account number that begins with 0, without quotes", `resource "sym_service" "number" {
  service_type = "aws_iam"
  external_id  = 012345678901
}`},
	{"A Slack workspace in lower case", `resource "sym_service" "workspace" {
  service_type = "slack"
  external_id  = "t024be7lh"
}`},
	{"A Slack handle in place of the member ID", `resource "sym_identity" "handle" {
  user         = "ada@acme.com"
  service_type = "slack"
  external_id  = "T024BE7LH"
  identity     = "@ada"
}`},
	{"A URL where a domain is wanted", `resource "sym_service" "url" {
  service_type = "okta"
  external_id  = "https://acme.okta.com/"
}`},
	{"A service type in capitals", `resource "sym_service" "capitals" {
  service_type = "Okta"
  external_id  = "acme.okta.com"
}`},
	{"A service type with a typing error", `resource "sym_service" "okat" {
  service_type = "okat"
  external_id  = "acme.okta.com"
}`},
	{"A name in place of an e-mail", `resource "sym_identity" "name" {
  user         = "Ada Lovelace"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u1"
}`},
	{"An e-mail with two @", `resource "sym_identity" "two_at" {
  user         = "ada@acme@com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u1"
}`},
	{"A line break behind an identity", `resource "sym_identity" "line_break" {
  user         = "ada@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u1\n"
}`},
	{"An empty identity", `resource "sym_identity" "empty" {
  user         = "ada@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = ""
}`},
	{"One person in two spellings", `resource "sym_identities" "twice" {
  service_type = "okta"
  external_id  = "acme.okta.com"
  identities   = { "Ada@acme.com" = "00u1", "ada@acme.com" = "00u2" }
}`},
	{"One account for two people", `resource "sym_identities" "shared" {
  service_type = "okta"
  external_id  = "acme.okta.com"
  identities   = { "ada@acme.com" = "00u1", "bob@acme.com" = "00u1" }
}`},
	{"Nobody's account, as null", `resource "sym_identities" "null" {
  service_type = "okta"
  external_id  = "acme.okta.com"
  identities   = { "ada@acme.com" = null }
}`},
	{"One user twice in a list", `data "sym_resolved_identities" "users_twice" {
  users    = ["ada@acme.com", "Ada@acme.com"]
  services = [{ service_type = "okta", external_id = "acme.okta.com" }]
}`},
	{"A service without its external_id", `data "sym_resolved_identities" "no_external_id" {
  users    = ["ada@acme.com"]
  services = [{ service_type = "okta" }]
}`},
	{"A regular expression that does not parse", `provider "sym" {
  alias = "regex"
  rules = [{ name = "okta", service_type = "okta", match = "(.*@acme\\.com", identity = "$1" }]
}`},
	{"A group that match does not have", `provider "sym" {
  alias = "group"
  rules = [{ name = "okta", service_type = "okta", match = "(.*)@acme\\.com", identity = "$2" }]
}`},
	{"A dot in a domain that is not escaped", `provider "sym" {
  alias = "dot"
  rules = [{ name = "okta", service_type = "okta", match = "(.*)@acme.com", identity = "$1" }]
}`},
	{"A CEL expression over a field that is not there", `provider "sym" {
  alias = "cel"
  rules = [{ name = "okta", service_type = "okta", expression = "user.mail" }]
}`},
	{"A rule for a custom service", `provider "sym" {
  alias = "custom"
  rules = [{ name = "hr", service_type = "custom", identity = "$0" }]
}`},
	{"Two identity APIs", `provider "sym" {
  alias    = "two"
  api_url  = "https://identity.acme.dev/api/v1"
  embedded = { config = "sym-identityd.hcl" }
}`},
	{"A URL without its scheme", `provider "sym" {
  alias   = "scheme"
  api_url = "identity.acme.dev/api/v1"
}`},
	{"A token with a line break", `provider "sym" {
  alias = "token"
  token = "sym_0123456789\n"
}`},
	{"A time without a unit", `provider "sym" {
  alias           = "time"
  request_timeout = "30"
}`},
	{"A service that Sym manages itself", `resource "sym_identity" "managed" {
  user         = "ada@acme.com"
  service_type = "sym"
  external_id  = "cloud"
  identity     = "ada@acme.com"
}`},
	{"A CSV without the column of the users", `output "csv" {
  value = provider::sym::identities_from_csv("name,okta:acme.okta.com\nAda,00u1\n")
}`},
	{"A CSV whose second column is no service key", `output "csv_column" {
  value = provider::sym::identities_from_csv("sym:cloud,okta\nada@acme.com,00u1\n")
}`},
	{"A broken CSV: a quote that is not closed", `output "csv_quote" {
  value = provider::sym::identities_from_csv("sym:cloud,okta:acme.okta.com\nada@acme.com,\"00u1\n")
}`},
}

var mistakesOfPlan = []mistake{
	{"The identity API is not named", `provider "sym" {
  alias = "nothing"
}`},
	{"The token is in another variable, SYM_TOKEN", `provider "sym" {
  alias   = "variable"
  api_url = "http://127.0.0.1:PORT/api/v1"
}`},
	{"The variable of the token is not set", `provider "sym" {
  alias       = "unset"
  api_url     = "http://127.0.0.1:PORT/api/v1"
  jwt_env_var = "IDENTITY_TOKEN"
}`},
	{"A wrong or expired token", `provider "sym" {
  alias   = "expired"
  api_url = "http://127.0.0.1:PORT/api/v1"
  token   = "token-of-yesterday"
}`},
	{"A file of the token that is not there", `provider "sym" {
  alias      = "file"
  api_url    = "http://127.0.0.1:PORT/api/v1"
  token_file = "token.txt"
}`},
	{"A wrong port", `provider "sym" {
  alias       = "port"
  api_url     = "http://127.0.0.1:1/api/v1"
  token       = "ADMIN"
  max_retries = 0
}`},
	{"A wrong path", `provider "sym" {
  alias   = "path"
  api_url = "http://127.0.0.1:PORT/"
  token   = "ADMIN"
}`},
	{"https for http", `provider "sym" {
  alias       = "https"
  api_url     = "https://127.0.0.1:PORT/api/v1"
  token       = "ADMIN"
  max_retries = 0
}`},
	{"http for https", `provider "sym" {
  alias   = "http"
  api_url = "http://identity.acme.dev/api/v1"
  token   = "ADMIN"
}`},
	{"Another organization", `provider "sym" {
  alias   = "org"
  org     = "globex"
  api_url = "http://127.0.0.1:PORT/api/v1"
  token   = "ADMIN"
}`},
	{"An embedded configuration that is not there", `provider "sym" {
  alias    = "missing"
  embedded = { config = "identityd.hcl" }
}`},
	{"An embedded configuration with a syntax error", `provider "sym" {
  alias    = "broken"
  embedded = { config = "broken.hcl" }
}`},
	{"An embedded store in a directory that is not there", `provider "sym" {
  alias    = "store"
  embedded = { config = "sym-identityd.hcl" }
}`},
	{"A token without the permission", `provider "sym" {
  alias   = "guest"
  api_url = "http://127.0.0.1:PORT/api/v1"
  token   = "GUEST"
}
data "sym_resolved_identity" "guest" {
  provider     = sym.guest
  user         = "ada@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
}`},
	{"A service that nobody registered, in a data source", `data "sym_resolved_identity" "unregistered" {
  user         = "ada@acme.com"
  service_type = "okta"
  external_id  = "okta.acme.com"
}`},
	{"A service that nobody registered, in a resource", `resource "sym_identity" "unregistered" {
  user         = "ada@acme.com"
  service_type = "slack"
  external_id  = "T024BE7LH"
  identity     = "U024BE7LH"
}`},
	{"Somebody without an account", `data "sym_resolved_identity" "nobody" {
  user         = "nora@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
}`},
	{"A list with somebody without an account", `data "sym_resolved_identities" "nobody" {
  users    = ["ada@acme.com", "nora@acme.com"]
  services = [{ service_type = "okta", external_id = "acme.okta.com" }]
}`},
	{"Another identity than somebody stored by hand", `resource "sym_identity" "stored" {
  user         = "bob@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u9"
}`},
	{"An account that somebody else has", `resource "sym_identity" "taken" {
  user         = "mia@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u3"
}`},
	{"A service registered under another label", `resource "sym_service" "label" {
  service_type = "okta"
  external_id  = "acme.oktapreview.com"
  label        = "Okta preview"
}`},
	{"One account planned for two people", `resource "sym_identity" "planned" {
  for_each     = toset(["lea@acme.com", "tom@acme.com"])
  user         = each.key
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u7"
}`},
	{"An import id without the service", `import {
  to = sym_identity.imported
  id = "zoe@acme.com"
}
resource "sym_identity" "imported" {
  user         = "zoe@acme.com"
  service_type = "okta"
  external_id  = "acme.okta.com"
  identity     = "00u8"
}`},
}

var mistakesOfServer = []mistake{
	{"A quote that is not closed", `org   = "acme
store = "sqlite:identities.db"`},
	{"An unknown directory type", `org   = "acme"
store = "sqlite:identities.db"
service "okta" "acme.okta.com" {
  directory "otka" {}
}`},
	{"A variable that is not set", `org   = "acme"
store = "sqlite:identities.db"
service "okta" "acme.okta.com" {
  directory "okta" { token = env("OKTA_API_TOKEN") }
}`},
	{"A secret in the file", `org   = "acme"
store = "sqlite:identities.db"
service "okta" "acme.okta.com" {
  directory "okta" { token = "00a1b2c3d4e5f6" }
}`},
	{"An attribute with a typing error", `org   = "acme"
stroe = "sqlite:identities.db"`},
	{"A store in a directory that is not there", `org   = "acme"
store = "sqlite:missing/identities.db"`},
	{"A store that is a directory", `org   = "acme"
store = "sqlite:."`},
	{"PostgreSQL is not running", `org   = "acme"
store = env("DATABASE_URL")`},
	{"No token", `org    = "acme"
store  = "sqlite:identities.db"
listen = "127.0.0.1:8080"`},
	{"The token in place of its hash", `org   = "acme"
store = "sqlite:identities.db"
token "ci" {
  sha256 = "sym_0123456789abcdef"
  role   = "admin"
}`},
	{"A role that does not exist", `org   = "acme"
store = "sqlite:identities.db"
token "ci" {
  sha256 = "7d5e1b8f3c2a4d6e9f0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e2f"
  role   = "owner"
}`},
	{"A CEL expression that does not parse", `org   = "acme"
store = "sqlite:identities.db"
service "custom" "hr" {
  directory "http" {
    url      = "https://hr.acme.com/users?email={email}"
    identity = "response.users[0.id"
  }
}`},
	{"A URL without the place of the e-mail", `org   = "acme"
store = "sqlite:identities.db"
service "custom" "hr" {
  directory "http" {
    url      = "https://hr.acme.com/users"
    identity = "response.id"
  }
}`},
	{"A file of people that is not there", `org   = "acme"
store = "sqlite:identities.db"
service "google" "acme.com" {
  directory "file" { path = "google.csv" }
}`},
	{"A file of people with a value that a spreadsheet lost", `org   = "acme"
store = "sqlite:identities.db"
service "okta" "acme.okta.com" {
  directory "file" { path = "people.csv" }
}`},
}
