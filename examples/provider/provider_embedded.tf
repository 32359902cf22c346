# The provider runs the identity API in its own process, without a server. It
# reads the same configuration file as sym-identityd.
provider "sym" {
  alias = "embedded"

  embedded = {
    config = "sym-identityd.hcl"
  }
}
