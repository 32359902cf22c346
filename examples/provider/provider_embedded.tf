# No server to run: the provider serves the identity API in its own process,
# from the same configuration file that sym-identityd reads.
provider "sym" {
  alias = "embedded"

  embedded = {
    config = "sym-identityd.hcl"
  }
}
