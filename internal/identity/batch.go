// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identity

import "fmt"

// ItemError is one element of a batch that could not be done.
type ItemError struct {
	Index int // in the outer list of the call
	Err   *Error
}

// BatchError names every element because of which a batch was not done. None
// of the batch was.
type BatchError struct{ Items []ItemError }

func (e *BatchError) Error() string {
	if len(e.Items) == 1 {
		return e.Items[0].Err.Error()
	}
	return fmt.Sprintf("%d elements failed, the first: %s", len(e.Items), e.Items[0].Err)
}

// Unwrap lets errors.Is and errors.As find every failure.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, len(e.Items))
	for i, c := range e.Items {
		errs[i] = c.Err
	}
	return errs
}
