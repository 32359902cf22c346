# The identity API of the demo. In embedded mode the provider runs it in its own
# process; `sym-identityd serve -config sym-identityd.hcl` would serve the same.
org   = "acme"
store = "sqlite:identities.db"

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

service "pagerduty" "acme" {
  label = "PagerDuty"
  directory "file" {
    path = "pagerduty-users.csv"
  }
}

# No directory: IAM users have no e-mail address. A rule makes the ARN.
service "aws_iam" "123456789012" {
  label = "AWS production"
}

# A service of our own; its directory is its fetch_remote_identity.
service "custom" "statuspage" {
  label = "Status page"
  directory "file" {
    path = "statuspage-users.csv"
  }
}
