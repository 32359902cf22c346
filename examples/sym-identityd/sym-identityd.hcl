# sym-identityd serve -config sym-identityd.hcl
# Paths are relative to this file; secrets come from the environment with env("NAME").

org    = "acme"
listen = "127.0.0.1:8080"
store  = "sqlite:identities.db"

# The server refuses this token: replace the block by what `sym-identityd token new -role admin` prints.
token "ci" {
  sha256 = "3d7a7f2cbf93955ac252643e1baafb1ed07c209b7683805134c42fcba8b33c62"
  role   = "admin"
}

# A directory finds a service's users by e-mail. This one reads an export.
service "okta" "acme.okta.com" {
  label = "Okta"
  directory "file" {
    path = "okta-users.csv"
  }
}

service "github" "acme" {
  label = "GitHub"
  directory "file" {
    path = "github-users.csv"
  }
}

# Without a directory rules and manual mappings answer.
service "aws_iam" "123456789012" {
  label = "AWS production"
}

# Over the network:
#
# service "scim" "acme" {
#   directory "scim" {
#     base_url = "https://directory.acme.example/scim/v2"
#     token    = env("SCIM_TOKEN")
#   }
# }
#
# service "custom" "victorops" {
#   directory "http" {
#     url      = "https://api.victorops.example.com/v2/user?email={email}"
#     headers  = { X-VO-Api-Key = env("VO_KEY") }
#     identity = "response.users[0].username"
#   }
# }
