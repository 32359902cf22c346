// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sym-identity/terraform-provider-sym/internal/symapi"
)

// writeRounds is how often each side writes; one write is short.
const writeRounds = 201

// writes compares a conditional write through HTTP with the same transaction
// written by hand with pgx, on PostgreSQL.
func (b *bench) writes(ctx context.Context, db database, large, _ *daemon, from exports) (_ []row, err error) {
	if !strings.HasPrefix(large.store, "postgres") {
		return nil, nil
	}
	conn, err := pgx.Connect(ctx, large.store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	emails := from.large.emails(2)
	ours := &httpWriter{d: large, email: emails[0]}
	theirs := &pgxWriter{conn: conn, email: emails[len(emails)-1]}
	through, alone, err := inTurns(writeRounds,
		func(round int) error { return ours.write(ctx, fmt.Sprintf("00w%d", round)) },
		func(round int) error { return theirs.write(ctx, fmt.Sprintf("00x%d", round)) })
	if err != nil {
		return nil, err
	}
	return []row{{
		what:     db.named("one conditional write through HTTP, times the same transaction through pgx"),
		measured: through.Seconds() / alone.Seconds(), unit: unitRatio, bound: atMost, target: 2,
		detail: fmt.Sprintf("%.2f ms / %.2f ms", millis(through), millis(alone)),
	}}, nil
}

// httpWriter changes one mapping again and again, each time on the condition
// that it still has the revision of the time before.
type httpWriter struct {
	d        *daemon
	email    string
	revision int64
}

func (w *httpWriter) write(ctx context.Context, account string) error {
	if w.revision == 0 {
		revision, err := w.d.revisionOf(ctx, w.email)
		if err != nil {
			return err
		}
		w.revision = revision
	}
	okta := crowdServices[0]
	body := fmt.Sprintf(`{"users":[{"identities":[{"service_type":"sym","external_id":"cloud","matcher":{"email":%q}},`+
		`{"service_type":%q,"external_id":%q,"matcher":{"user_id":%q},"source":"manual","if_revision":%d}]}]}`,
		w.email, okta.Type, okta.ExternalID, account, w.revision)
	answer, err := w.d.call(ctx, http.MethodPatch, "users", []byte(body))
	if err != nil {
		return err
	}
	var reply symapi.BulkReply
	if err := json.Unmarshal(answer, &reply); err != nil {
		return err
	}
	if reply.Succeeded != 1 || len(reply.Results) != 1 || reply.Results[0].Record == nil {
		return fmt.Errorf("a write was answered with %s", answer)
	}
	for _, i := range reply.Results[0].Record.Identities {
		if i.Service.Slug == okta.Type {
			w.revision = i.Revision
		}
	}
	return nil
}

// revisionOf reads the revision of somebody's first mapping.
func (d *daemon) revisionOf(ctx context.Context, email string) (int64, error) {
	answer, err := d.call(ctx, http.MethodGet, "users?email="+email, nil)
	if err != nil {
		return 0, err
	}
	var list symapi.UserList
	if err := json.Unmarshal(answer, &list); err != nil {
		return 0, err
	}
	for _, u := range list.Users {
		for _, i := range u.Identities {
			if i.Service.Slug == crowdServices[0].Type {
				return i.Revision, nil
			}
		}
	}
	return 0, fmt.Errorf("%s has no mapping", email)
}

// pgxWriter does in a transaction what a careful program would: it reads the
// user, the mapping and the service, compares the revision, takes a new one,
// writes the mapping and adds to the history.
type pgxWriter struct {
	conn     *pgx.Conn
	email    string
	revision int64
}

func (w *pgxWriter) write(ctx context.Context, account string) error {
	return pgx.BeginTxFunc(ctx, w.conn, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
		var user, service, mapping, matcher string
		var revision int64
		if err := tx.QueryRow(ctx, "SELECT id FROM users WHERE user_key = $1", w.email).Scan(&user); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT id FROM services WHERE service_key = $1", crowdServices[0].String()).Scan(&service); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, "SELECT id, matcher, revision FROM mappings WHERE user_id = $1 AND service_id = $2", user, service).
			Scan(&mapping, &matcher, &revision)
		if err != nil {
			return err
		}
		if w.revision != 0 && revision != w.revision {
			return fmt.Errorf("revision %d is stored, not %d", revision, w.revision)
		}
		if err := tx.QueryRow(ctx, "SELECT nextval('revisions')").Scan(&w.revision); err != nil {
			return err
		}
		now := time.Now().UnixMicro()
		after := fmt.Sprintf(`{"user_id":%q}`, account)
		if _, err := tx.Exec(ctx, `UPDATE mappings SET matcher = $2, claim = $3, source = 'manual', revision = $4, updated_at = $5,
			updated_by = 'pgx', request_id = '' WHERE id = $1`, mapping, after, account, w.revision, now); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO history (id, changed_at, changed_by, request_id, user_id, user_key, service_key, value_before, value_after)
			VALUES ($1, $2, 'pgx', '', $3, $4, $5, $6, $7)`, w.revision, now, user, w.email, crowdServices[0].String(),
			value(matcher, revision), value(after, w.revision))
		return err
	})
}

// value is a mapping as the history keeps it.
func value(matcher string, revision int64) string {
	return fmt.Sprintf(`{"matcher":%s,"source":"manual","revision":%d,"created_at":1,"updated_at":1,"updated_by":"pgx"}`, matcher, revision)
}
