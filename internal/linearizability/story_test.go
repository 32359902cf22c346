// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

//go:build unix

package linearizability

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/jackc/pgx/v5"
)

// story returns, for each service whose part of a history is not Ok, the longest
// order of operations that explains their replies, those that it leaves out, and
// what the store recorded.
func story(t *testing.T, url string, history []porcupine.Operation) string {
	t.Helper()
	var b strings.Builder
	for _, part := range model.Partition(history) {
		result, info := porcupine.CheckOperationsVerbose(model, part, checkLimit)
		if result == porcupine.Ok {
			continue
		}
		service := part[0].Input.(input).service
		fmt.Fprintf(&b, "Service s%d is %s. The longest order that explains the replies:\n", service, result)
		var longest []porcupine.Operation
		for _, order := range info.PartialLinearizationsOperations()[0] {
			if len(order) > len(longest) {
				longest = order
			}
		}
		placed := map[string]int{}
		s := model.Init()
		for _, op := range longest {
			_, s = model.Step(s, op.Input, op.Output)
			fmt.Fprintf(&b, "%s\n\t\t%s\n", line(op), model.DescribeState(s))
			placed[line(op)]++
		}
		b.WriteString("Left out:\n")
		slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
		for _, op := range part {
			if placed[line(op)]--; placed[line(op)] < 0 {
				fmt.Fprintln(&b, line(op))
			}
		}
		b.WriteString("The store's history:\n")
		for _, row := range recorded(t, url, service) {
			fmt.Fprintln(&b, row)
		}
	}
	return b.String()
}

func line(op porcupine.Operation) string {
	end := "never"
	if op.Return != math.MaxInt64 {
		end = time.Duration(op.Return).Round(time.Microsecond).String()
	}
	return fmt.Sprintf("%s to %s, client %d: %s", time.Duration(op.Call).Round(time.Microsecond), end, op.ClientId, model.DescribeOperation(op.Input, op.Output))
}

// recorded returns what the store says of a service's mappings.
func recorded(t *testing.T, url string, service int) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), `SELECT id, changed_at, request_id, user_key, value_before, value_after FROM history
		WHERE service_key = $1 ORDER BY id`, fmt.Sprintf("custom:s%d", service))
	if err != nil {
		t.Fatal(err)
	}
	changes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var id, at int64
		var request, user, before, after string
		err := row.Scan(&id, &at, &request, &user, &before, &after)
		return fmt.Sprintf("%d at %s: request %s, %s: %s to %s", id, time.UnixMicro(at).UTC().Format("05.000000"), request, user, account(before), account(after)), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// account returns the account of a value in the history, with its revision.
func account(value string) string {
	if value == "" {
		return "nothing"
	}
	var mapping struct {
		Matcher  map[string]string `json:"matcher"`
		Revision int64             `json:"revision"`
	}
	if json.Unmarshal([]byte(value), &mapping) != nil {
		return value
	}
	return fmt.Sprintf("%s@%d", mapping.Matcher["user_id"], mapping.Revision)
}
