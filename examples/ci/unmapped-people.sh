#!/usr/bin/env bash
# Plans, writes who is unmapped to comment.md, and an HTML page for each
# sym_resolved_identities to people-report/. Ends as the plan did: 0 where it
# passed, 1 where it failed, 2 where it passed with changes and the arguments have
# -detailed-exitcode. Arguments go to terraform plan.
#
#   TERRAFORM   the CLI (terraform); tofu works as well
#   JQ          jq, 1.6 or newer
#
# It leaves plan.tfplan where the plan passed, for terraform apply.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
terraform=${TERRAFORM:-terraform}
jq=${JQ:-jq}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf plan.tfplan comment.md people-report

status=0
"$terraform" plan -json -input=false -out=plan.tfplan "$@" >"$work/messages" || status=$?
# What people read in the job's log.
$jq -r '."@message"? // empty, (select(.type? == "diagnostic") | .diagnostic.detail // empty)' <"$work/messages"

# reports renders the results of a plan by provider::sym::report, in a directory
# with the providers that are installed here. Nothing of it gets into the state.
reports() {
  $jq -f "$here/results.jq" <"$work/plan" >"$work/results.json"
  [ "$($jq length <"$work/results.json")" -gt 0 ] || return 0

  local provider installed=${TF_DATA_DIR:-.terraform} page
  provider=$($jq -r '.[0].provider' <"$work/results.json")
  cat >"$work/main.tf" <<END
terraform {
  required_providers {
    sym = { source = "$provider" }
  }
}
# Base 64 is the same in every shell and console. OpenTofu's console knows only
# functions that the configuration uses.
locals {
  rendered = base64encode(jsonencode([for r in jsondecode(file("results.json")) : {
    address  = r.address
    page     = r.page
    html     = provider::sym::report(r.result, "html")
    markdown = provider::sym::report(r.result, "markdown")
  }]))
}
END
  mkdir "$work/data"
  [ ! -d "$installed/providers" ] || ln -s "$(cd "$installed/providers" && pwd)" "$work/data/providers"
  [ ! -f .terraform.lock.hcl ] || cp .terraform.lock.hcl "$work/"
  (
    unset TF_WORKSPACE TF_CLI_ARGS TF_CLI_ARGS_console
    echo local.rendered | TF_DATA_DIR=$work/data "$terraform" "-chdir=$work" console >"$work/rendered"
  )
  tr -d '"' <"$work/rendered" | base64 -d >"$work/reports"

  mkdir people-report
  for page in $($jq -r '.[].page' <"$work/reports"); do
    $jq -j ".[] | select(.page == \"$page\") | .html" <"$work/reports" >"people-report/$page"
  done
}

: >"$work/plan"
echo '[]' >"$work/reports"
case $status in
0 | 2)
  "$terraform" show -json plan.tfplan >"$work/plan"
  reports
  ;;
*) rm -f plan.tfplan ;; # Terraform keeps what it had when it failed; nobody can apply that
esac
cat "$work/messages" "$work/plan" "$work/reports" | $jq -rs --argjson status "$status" -f "$here/unmapped.jq" >comment.md
exit "$status"
