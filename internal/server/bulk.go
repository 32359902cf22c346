// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"errors"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// bulkFailure is a bulk reply as it stands when the call failed: with those
// fields of the error body that a success leaves out when they are empty.
type bulkFailure struct {
	symapi.BulkReply
	Retryable bool   `json:"is_retryable"`
	RequestID string `json:"request_id,omitempty"`
}

// failBulk is the reply of a bulk call of n elements that ended with err: one
// that names failures where the store did, else that of the call as a whole.
// complete adds to each result what only the request knows; it may be nil.
func (s *service) failBulk(ctx context.Context, err error, n int, complete func(*symapi.BulkResult)) error {
	var batch *identity.BatchError
	if !errors.As(err, &batch) || len(batch.Items) == 0 {
		return err
	}
	reply := symapi.BulkFailure(batch.Items, n)
	if complete != nil {
		for i := range reply.Results {
			complete(&reply.Results[i])
		}
	}
	return &failure{
		status: reply.StatusCode, text: reply.Message,
		body: bulkFailure{BulkReply: reply, Retryable: reply.Retryable, RequestID: exchangeOf(ctx).requestID},
	}
}
