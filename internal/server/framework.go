// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// adapter mounts the framework's operations on a mux, behind authorization:
// nothing of a request is read before its sender is known. The framework's own
// error type is a package variable; rather than change it for everybody, the
// adapter and the transformer below reshape errors for this handler alone.
type adapter struct {
	*http.ServeMux
	service *service
}

// Handle implements huma.Adapter.
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	need := roleOf(op)
	a.HandleFunc(op.Method+" "+symapi.BasePath+op.Path, func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		principal, err := a.service.admit(r, need)
		x.principal = principal
		if err != nil {
			a.service.fail(r.Context(), err).write(w)
			return
		}
		defer a.service.turns.give()
		handler(&call{frameworkContext: humago.NewContext(op, r, w), exchange: x,
			body: http.MaxBytesReader(w, r.Body, symapi.MaxBodyBytes)})
	})
}

// frameworkContext names the embedded interface apart from its Context method.
type frameworkContext = huma.Context

// call is the framework's view of one request.
type call struct {
	frameworkContext
	exchange *exchange
	body     io.Reader
	shape    shape
}

// Unwrap lets humago.Unwrap find its own context.
func (c *call) Unwrap() huma.Context { return c.frameworkContext }

// BodyReader remembers why reading failed: the framework reports that as a
// fault of the server.
func (c *call) BodyReader() io.Reader { return c }

// Read implements io.Reader over the limited body.
func (c *call) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	if bad := c.shape.read(p[:n]); bad != nil {
		n, err = 0, bad
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.exchange.bodyErr = err
	}
	return n, err
}

// SetReadDeadline does nothing: timeouts are the http.Server's.
func (c *call) SetReadDeadline(time.Time) error { return nil }

// SetHeader keeps the framework from naming types of its own: everything the
// API says is plain JSON.
func (c *call) SetHeader(name, value string) {
	if name == "Content-Type" {
		value = "application/json"
	}
	c.frameworkContext.SetHeader(name, value)
}

// SetStatus lets reshape correct the status the framework chose.
func (c *call) SetStatus(status int) {
	if c.exchange.status != 0 {
		status = c.exchange.status
	}
	c.frameworkContext.SetStatus(status)
}

// reshape is the transformer that gives every error the API's body.
func reshape(ctx huma.Context, _ string, v any) (any, error) {
	switch v := v.(type) {
	case *failure:
		return v.body, nil
	case *huma.ErrorModel:
		x := exchangeOf(ctx.Context())
		f := frameworkFailure(v, x)
		x.status = f.status
		return f.body, nil
	}
	return v, nil
}

func frameworkFailure(m *huma.ErrorModel, x *exchange) *failure {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(x.bodyErr, &tooLarge):
		return newFailure(identity.Invalid(identity.CodeTooLarge,
			fmt.Sprintf("The request's body is larger than %d bytes", tooLarge.Limit), "Send it in parts."), x.requestID)
	case errors.Is(x.bodyErr, errNesting):
		return newFailure(identity.Invalid(identity.CodeInvalid, "The request's body is nested too deeply",
			fmt.Sprintf("Objects and lists may stand within each other %d times.", maxNesting)), x.requestID)
	case errors.Is(x.bodyErr, errValues):
		return newFailure(identity.Invalid(identity.CodeTooLarge, fmt.Sprintf("The request's body holds more than %d values", maxValues),
			"Send it in parts."), x.requestID)
	case x.bodyErr != nil:
		return newFailure(identity.Invalid(identity.CodeInvalid, "The request's body ended early or could not be read", ""), x.requestID)
	case m.Status == http.StatusUnsupportedMediaType:
		body := symapi.EncodeError(identity.Invalid(identity.CodeInvalid, "The request's body is not declared as JSON",
			"Send the header Content-Type: application/json."), x.requestID)
		body.StatusCode = m.Status
		return &failure{status: m.Status, body: body, text: body.Message}
	case m.Status < http.StatusInternalServerError:
		return newFailure(identity.Invalid(identity.CodeInvalid, explain(m), ""), x.requestID)
	}
	return newFailure(identity.AsError(errors.New(m.Detail)), x.requestID)
}

// maxProblems bounds how many problems of one request a message lists.
const maxProblems = 20

// explain lists what is wrong with a request, by place. Values stay out:
// messages end up in logs, and values may be people or secrets.
func explain(m *huma.ErrorModel) string {
	var problems []string
	for _, d := range m.Errors {
		switch {
		case d == nil:
		case d.Location == "":
			problems = append(problems, d.Message)
		default:
			problems = append(problems, d.Location+": "+d.Message)
		}
	}
	if len(problems) == 0 {
		return "The request is invalid: " + m.Detail
	}
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(problems[:maxProblems], fmt.Sprintf("and %d more", more))
	}
	return "The request is invalid: " + strings.Join(problems, "; ")
}

// register adds one operation. need is the least role that may call it.
func register[I, O any](s *service, api huma.API, need identity.Role, op huma.Operation, do func(context.Context, *I) (*O, error)) {
	op.Metadata = maps.Clone(op.Metadata)
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata[roleMetadata] = need
	op.MaxBodyBytes = -1 // the adapter limits bodies, and tells why
	op.BodyReadTimeout = -1
	document(api, &op, need)
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return out, nil
	})
}

const roleMetadata = "role"

// roleOf is the role an operation needs; one that declares none admits nobody.
func roleOf(op *huma.Operation) identity.Role {
	need, ok := op.Metadata[roleMetadata].(identity.Role)
	if !ok || !need.Valid() {
		panic("server: operation " + op.OperationID + " declares no role")
	}
	return need
}

// reply is what the framework writes for a success.
type reply[T any] struct{ Body T }

func replyWith[T any](body T) *reply[T] { return &reply[T]{Body: body} }
