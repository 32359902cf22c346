# CI without secrets: pipelines show the tokens that their CI system signs for
# each run. sym-identityd serve -config jwt.hcl
#
# A claim's condition compares exactly; a list means one of its values. The first
# role whose conditions all hold counts, and no role means no access.

org    = "acme"
listen = "127.0.0.1:8080"
store  = "sqlite:identities.db"

# GitHub Actions. Merges to main may write, every other run of the repository,
# pull requests too, may only read and look people up.
jwt {
  issuer   = "https://token.actions.githubusercontent.com"
  audience = "sym"

  role "admin" {
    claims = {
      repository = "acme/infra"
      ref        = "refs/heads/main"
      event_name = ["push", "workflow_dispatch"]
    }
  }
  role "member" {
    claims = { repository = "acme/infra" }
  }
}

# GitLab. The issuer is your instance; one with a private CA also needs
# ca_file = "acme-ca.pem".
jwt {
  issuer   = "https://gitlab.com"
  audience = "sym"

  role "admin" {
    claims = {
      project_path  = "acme/infra"
      ref           = "main"
      ref_type      = "branch"
      ref_protected = "true"
    }
  }
  role "member" {
    claims = { project_path = "acme/infra" }
  }
}

# HCP Terraform and Terraform Enterprise. Only applies may write.
jwt {
  issuer   = "https://app.terraform.io"
  audience = "sym"

  role "admin" {
    claims = {
      terraform_organization_name = "acme"
      terraform_workspace_name    = "identities"
      terraform_run_phase         = "apply"
    }
  }
  role "member" {
    claims = {
      terraform_organization_name = "acme"
      terraform_workspace_name    = "identities"
    }
  }
}

service "okta" "acme.okta.com" {
  label = "Okta"
}
