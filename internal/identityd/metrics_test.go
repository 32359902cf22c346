// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package identityd

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/sym-identity/terraform-provider-sym/internal/authn/authntest"
)

func TestMetricsCertificate(t *testing.T) {
	t.Parallel()
	authority := authntest.NewAuthority(t, "metrics")
	s := serveTLS(t, fmt.Sprintf(tlsHead, "")+certificateRules, authority, authority)
	expires := s.instance.auth.current.Load().tls.current().expires
	rec := httptest.NewRecorder()
	s.instance.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	want := "sym_identityd_certificate_expiry_timestamp_seconds " + strconv.FormatFloat(float64(expires.Unix()), 'g', -1, 64) + "\n"
	if expires.IsZero() || !strings.Contains(rec.Body.String(), want) {
		t.Errorf("no %s in %s", want, rec.Body)
	}
}
