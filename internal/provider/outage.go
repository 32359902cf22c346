// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// outage remembers that a resource has reported that the API cannot be used.
// The cause is one of the whole run, so that further resources only warn: the
// error fails the plan.
type outage struct{ reported atomic.Bool }

// outageDiagnostic is an error that every other resource would report as well.
type outageDiagnostic struct{ diag.Diagnostic }

// isOutage reports whether a request failed for a reason that has nothing to do
// with what it asked: nobody answered, or the token is not accepted.
func isOutage(err error) bool {
	var failed *client.Error
	if !errors.As(err, &failed) || failed.Attempts == 0 || errors.Is(err, context.Canceled) {
		return false
	}
	code := identity.CodeOf(err)
	return failed.Status == 0 || code == identity.CodeUnauthenticated || code == identity.CodeUnavailable
}

// foldOutage folds what the run has reported already; see outage.fold.
func (r *baseResource) foldOutage(diags *diag.Diagnostics) {
	if r.data != nil {
		r.data.outage.fold(diags)
	}
}

// fold leaves the first outage of a run as it is and makes warnings of the
// others. It is deferred by what refreshes and plans, where an error elsewhere
// ends the run; what applies reports each failure.
func (o *outage) fold(diags *diag.Diagnostics) {
	for i, d := range *diags {
		if _, ok := d.(outageDiagnostic); ok && o.reported.Swap(true) {
			(*diags)[i] = diag.NewWarningDiagnostic(furtherSkipped, furtherSkippedDetail)
		}
	}
}

// skips reports, with a warning, that a resource need not ask the API any more.
func (o *outage) skips(diags *diag.Diagnostics) bool {
	if !o.reported.Load() {
		return false
	}
	diags.AddWarning(furtherSkipped, furtherSkippedDetail)
	return true
}

const (
	furtherSkipped       = "Further Resources Were Not Read"
	furtherSkippedDetail = "The identity API could not be used for this resource either. The error about the first one says why and what to do. State is unchanged."
)
