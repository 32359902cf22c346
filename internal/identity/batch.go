// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import "fmt"

// Culprit is one element of a batch that could not be done.
type Culprit struct {
	Index int // in the outer list of the call
	Err   *Error
}

// BatchError names every element because of which a batch was not done. None
// of the batch was.
type BatchError struct{ Culprits []Culprit }

func (e *BatchError) Error() string {
	if len(e.Culprits) == 1 {
		return e.Culprits[0].Err.Error()
	}
	return fmt.Sprintf("%d elements failed, the first: %s", len(e.Culprits), e.Culprits[0].Err)
}

// Unwrap lets errors.Is and errors.As find every culprit.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, len(e.Culprits))
	for i, c := range e.Culprits {
		errs[i] = c.Err
	}
	return errs
}
