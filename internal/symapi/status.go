// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package symapi

import (
	"net/http"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

var statuses = map[identity.Code]int{
	identity.CodeUserNotFound:      http.StatusNotFound,
	identity.CodeUserInvalid:       http.StatusBadRequest,
	identity.CodeUserConflict:      http.StatusConflict,
	identity.CodeServiceNotFound:   http.StatusNotFound,
	identity.CodeServiceInvalid:    http.StatusBadRequest,
	identity.CodeServiceConflict:   http.StatusConflict,
	identity.CodeServiceReferenced: http.StatusConflict,
	identity.CodeServiceManaged:    http.StatusBadRequest,
	identity.CodeIdentityNotFound:  http.StatusNotFound,
	identity.CodeIdentityInvalid:   http.StatusBadRequest,
	identity.CodeIdentityConflict:  http.StatusConflict,
	identity.CodeIdentityClaimed:   http.StatusConflict,
	identity.CodeDirectoryFailed:   http.StatusServiceUnavailable,
	identity.CodeDirectoryDenied:   http.StatusServiceUnavailable,
	identity.CodeDirectoryLimited:  http.StatusTooManyRequests,
	identity.CodeNoDirectory:       http.StatusNotFound,
	identity.CodeNoList:            http.StatusNotFound,
	identity.CodeListChanged:       http.StatusConflict,
	identity.CodeUnauthenticated:   http.StatusUnauthorized,
	identity.CodeForbidden:         http.StatusForbidden,
	identity.CodeAuthUnavailable:   http.StatusServiceUnavailable,
	identity.CodeInvalid:           http.StatusBadRequest,
	identity.CodeTooLarge:          http.StatusRequestEntityTooLarge,
	identity.CodeLimited:           http.StatusTooManyRequests,
	identity.CodeMissing:           http.StatusNotFound,
	identity.CodeMethod:            http.StatusMethodNotAllowed,
	identity.CodeBusy:              http.StatusServiceUnavailable,
	identity.CodeUnavailable:       http.StatusServiceUnavailable,
	identity.CodeInternal:          http.StatusInternalServerError,
}

// Status returns the HTTP status of an error code; 500 for an unknown one.
func Status(code identity.Code) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// codes are those of statuses that have one code.
var codes = map[int]identity.Code{
	http.StatusUnauthorized:          identity.CodeUnauthenticated,
	http.StatusForbidden:             identity.CodeForbidden,
	http.StatusNotFound:              identity.CodeMissing,
	http.StatusMethodNotAllowed:      identity.CodeMethod,
	http.StatusRequestEntityTooLarge: identity.CodeTooLarge,
	http.StatusTooManyRequests:       identity.CodeLimited,
	http.StatusInternalServerError:   identity.CodeInternal,
}

// CodeForStatus returns the code of a reply that carries none, such as a proxy's.
func CodeForStatus(status int) identity.Code {
	code, known := codes[status]
	switch {
	case known:
		return code
	case status >= 500:
		return identity.CodeUnavailable
	case status >= 400:
		return identity.CodeInvalid
	}
	return identity.CodeInternal
}
