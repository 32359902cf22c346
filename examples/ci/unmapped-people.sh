#!/usr/bin/env bash
# Plans, and writes who is unmapped to comment.md. Ends as the plan did: 0 where
# it passed, 1 where it failed. Arguments go to terraform plan.
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
rm -f plan.tfplan

status=0
"$terraform" plan -json -input=false -out=plan.tfplan "$@" >"$work/messages" || status=$?
# What people read in the job's log.
$jq -r '."@message"? // empty, (select(.type? == "diagnostic") | .diagnostic.detail // empty)' <"$work/messages"

: >"$work/plan"
if [ "$status" -eq 0 ]; then
  "$terraform" show -json plan.tfplan >"$work/plan"
else
  rm -f plan.tfplan # Terraform keeps what it had when it failed; nobody can apply that
fi
cat "$work/messages" "$work/plan" | $jq -rs -f "$here/unmapped.jq" >comment.md
exit "$status"
