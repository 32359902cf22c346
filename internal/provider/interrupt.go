// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/client"
)

// finishLimit is how long a change that is under way may still take after
// Terraform was interrupted.
const finishLimit = time.Minute

// interruptionKey is where finishing keeps the context that an interruption ends.
type interruptionKey struct{}

// finishing returns a context that an interruption (SIGINT) ends only after finishLimit:
// a request that is cut off may be stored, and state would not know. A context that has
// ended already stays ended, so nothing is begun after that. stop must be called.
func finishing(ctx context.Context) (finish context.Context, stop func()) {
	if ctx.Err() != nil {
		return ctx, func() {}
	}
	finish, cancel := context.WithCancelCause(context.WithValue(context.WithoutCancel(ctx), interruptionKey{}, ctx))
	stopWaiting := context.AfterFunc(ctx, func() {
		time.AfterFunc(finishLimit, func() { cancel(context.Cause(ctx)) })
	})
	return finish, func() {
		stopWaiting()
		cancel(nil)
	}
}

// interrupted returns why Terraform wants no more changes begun, nil while it
// does. ctx is one of finishing.
func interrupted(ctx context.Context) error {
	if whole, ok := ctx.Value(interruptionKey{}).(context.Context); ok {
		return context.Cause(whole)
	}
	return ctx.Err()
}

// mayBeStored reports whether a write failed without an answer that says that
// nothing was stored.
func mayBeStored(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.MayBeStored
}
