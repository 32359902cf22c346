// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sym-identity/terraform-provider-sym/internal/store/pgtest"
)

// TestSaveOfTwentyThousandRows sends what the CSV editor of symflow sends for
// 20,000 rows to a server on PostgreSQL: one PATCH, one deletion of all identities,
// one of all users. It logs the time of each and the server's peak memory.
func TestSaveOfTwentyThousandRows(t *testing.T) {
	t.Parallel()
	const (
		rows    = 20_000
		mostMiB = 384 // resident, of the server's process
	)
	env := []string{storeVariable + "=" + pgtest.URL(t)}
	config := postgresConfig(t, "")
	if got := runCommand(t.Context(), map[string]string{storeVariable: strings.TrimPrefix(env[0], storeVariable+"=")}, "migrate", "-config", config); got.code != exitOK {
		t.Fatalf("migrate: %+v", got)
	}
	d := startDaemonWith(t, env, config)
	send := func(method, path, list string, elements []string) {
		t.Helper()
		start := time.Now()
		status, body, err := d.call(t.Context(), method, path, `{"`+list+`":[`+strings.Join(elements, ",")+`]}`)
		took := time.Since(start)
		var reply struct {
			Status            string
			Succeeded, Failed int
			Errors            []string
		}
		if err == nil {
			err = json.Unmarshal(body, &reply)
		}
		if err != nil || status != http.StatusOK || reply.Status != "success" || reply.Succeeded != rows || reply.Failed != 0 || len(reply.Errors) != 0 {
			t.Fatalf("%s %s: %d, %v, %.300s", method, path, status, err, body)
		}
		t.Logf("%s %s: %s", method, path, took.Round(time.Millisecond))
	}
	elements := make([]string, rows)
	each := func(element func(i int) string) []string {
		for i := range elements {
			elements[i] = element(i)
		}
		return elements
	}
	send(http.MethodPatch, "/api/v1/users", "users", each(func(i int) string {
		return fmt.Sprintf(`{"id":"row-%05d","type":"normal","identities":[`+
			`{"service_type":"sym","external_id":"cloud","matcher":{"email":"person%05d@acme.example"},"profile":{}},`+
			`{"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":"00u%05d"},"profile":{}}]}`, i, i, i)
	}))
	var list struct {
		Users []struct {
			ID         string
			Identities []struct{ Matcher map[string]string }
		}
	}
	status, body, err := d.call(t.Context(), http.MethodGet, "/api/v1/users", "")
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	if err != nil || status != http.StatusOK || len(list.Users) != rows || len(list.Users[0].Identities) != 2 {
		t.Fatalf("%d, %d users, %v", status, len(list.Users), err)
	}
	send(http.MethodPost, "/api/v1/users/identities/delete", "identities", each(func(i int) string {
		return fmt.Sprintf(`{"user_id":%q,"service_type":"okta","external_id":"acme.okta.com","matcher":{"user_id":%q}}`,
			list.Users[i].ID, list.Users[i].Identities[1].Matcher["user_id"])
	}))
	send(http.MethodPost, "/api/v1/users/delete", "users", each(func(i int) string {
		return fmt.Sprintf(`{"id":%q,"identity":{"service_type":"sym","matcher":{"email":%q}}}`,
			list.Users[i].ID, list.Users[i].Identities[0].Matcher["email"])
	}))
	if err := d.stop(t, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	usage, _ := d.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	peak := usage.Maxrss >> 10 // it is in KiB
	limit := int64(mostMiB)
	if raceDetector() {
		limit *= 4 // it keeps several bytes for each byte that is used
	}
	t.Logf("peak of the server: %d MiB", peak)
	if peak > limit {
		t.Errorf("the server took %d MiB, want at most %d", peak, limit)
	}
}

// raceDetector reports whether this program, and so the server, runs under the race
// detector.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
