// Copyright (c) The terraform-provider-sym Authors
// SPDX-License-Identifier: MPL-2.0

package sqlstore

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sym-identity/terraform-provider-sym/internal/identity"
)

// SQLSTATEs that are told apart; see PostgreSQL's appendix of error codes.
const (
	serializationFailure  = "40001"
	deadlockDetected      = "40P01"
	uniqueViolation       = "23505"
	notSupported          = "0A000"
	duplicateTable        = "42P07"
	duplicateObject       = "42710"
	internalError         = "XX000"
	undefinedTable        = "42P01"
	invalidSchema         = "3F000"
	unknownDatabase       = "3D000"
	insufficientPrivilege = "42501"
	readOnlyTransaction   = "25006"
	queryCanceled         = "57014"
	tooManyConnections    = "53300"
	diskFull              = "53100"
	lockNotAvailable      = "55P03"
)

// sqlState is the server's code for an error, "" where it is not the server's.
func sqlState(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}

// transient holds for transactions that lost against others. A plan that was
// prepared before another process migrated is made anew by the second run.
func (d *postgresDialect) transient(err error) bool {
	switch sqlState(err) {
	case serializationFailure, deadlockDetected:
		return true
	case notSupported:
		return strings.Contains(err.Error(), "cached plan")
	// Two writers who both found nothing: the second looks again and finds it.
	case uniqueViolation:
		return true
	}
	return false
}

// lostRace: creating what exists is a duplicate, or a violation of the
// catalogue's own unique indexes.
func (d *postgresDialect) lostRace(err error) bool {
	switch sqlState(err) {
	case serializationFailure, deadlockDetected, uniqueViolation, duplicateTable, duplicateObject, internalError:
		return true
	}
	return false
}

func (d *postgresDialect) duplicate(err error) bool { return sqlState(err) == uniqueViolation }

func (d *postgresDialect) explain(err error) error {
	code := sqlState(err)
	if code == "" {
		return d.explainConnection(err)
	}
	e := &identity.Error{Code: identity.CodeUnavailable, Cause: err, Retryable: true}
	say := func(message, hint string) { e.Message, e.Hint = message, hint }
	switch code {
	case serializationFailure, deadlockDetected, uniqueViolation:
		say(fmt.Sprintf("the store is busy: the call lost against other writers %d times", txAttempts), "Nothing was written; try again.")
	case queryCanceled, lockNotAvailable:
		say("the store "+d.server+" did not answer within the statement timeout", "Nothing was written; try again, or raise statement_timeout.")
	case tooManyConnections:
		say("the server "+d.server+" has no free connection", "Lower max_connections of the replicas, or raise the server's.")
	case diskFull:
		say("the disk of the server "+d.server+" is full", "Nothing was written; make room and try again.")
	case readOnlyTransaction:
		say("the server "+d.server+" only reads: it is a standby, or it was made read-only", "Name the primary; target_session_attrs=read-write in the URL finds it among several hosts.")
	case unknownDatabase, insufficientPrivilege, undefinedTable, invalidSchema:
		e.Retryable = false
		d.explainSetup(e, code)
	default:
		d.explainClass(e, code)
	}
	return e
}

// explainSetup says what is missing on the server.
func (d *postgresDialect) explainSetup(e *identity.Error, code string) {
	switch code {
	case unknownDatabase:
		e.Message, e.Hint = "the database that the store's URL names does not exist on "+d.server, "Create it."
	case insufficientPrivilege:
		e.Message, e.Hint = "the user of the store may not do this on "+d.server,
			"Let it create tables in its schema, or run the migrations as another user; afterwards it needs SELECT, INSERT, UPDATE and DELETE, and USAGE of the sequence."
	default:
		e.Message, e.Hint = "the tables of the store are not in the schema that its URL names on "+d.server,
			"Look at search_path in the URL, or run sym-identityd migrate."
	}
}

func (d *postgresDialect) explainClass(e *identity.Error, code string) {
	switch code[:2] {
	case "08", "57": // connection exceptions, operator intervention
		e.Message, e.Hint = "the server "+d.server+" is stopping, starting or gone", "Try again."
	case "53": // insufficient resources
		e.Message, e.Hint = "the server "+d.server+" is out of memory or another resource", "Nothing was written; try again."
	case "28": // invalid authorization
		e.Retryable = false
		e.Message, e.Hint = "the server "+d.server+" refuses the user or the password of the store's URL", "Look at both, and at the server's pg_hba.conf."
	default:
		e.Retryable = false
		e.Code, e.Message = identity.CodeInternal, "the store could not run a statement"
	}
}

// explainConnection is explain for what the server never said.
func (d *postgresDialect) explainConnection(err error) error {
	var refused *pgconn.ConnectError
	if !errors.As(err, &refused) {
		return nil
	}
	e := &identity.Error{Code: identity.CodeUnavailable, Cause: err, Retryable: true,
		Message: "the server " + d.server + " of the store cannot be reached",
		Hint:    "Look whether it runs, and whether this machine may connect to it."}
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var expired x509.CertificateInvalidError
	if errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &expired) {
		e.Retryable = false
		e.Message, e.Hint = "the certificate of the server "+d.server+" is not trusted", "Name its authority with sslrootcert=FILE in the URL."
	}
	return e
}
