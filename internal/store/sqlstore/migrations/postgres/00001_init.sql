-- Copyright (c) The terraform-provider-sym Authors
-- SPDX-License-Identifier: MPL-2.0
--
-- Times are microseconds since 1970, UTC. Text that stands in an index compares
-- byte by byte: lists are ordered like that everywhere, and comparing by the
-- rules of a language would cost several times as much.

-- +goose Up
CREATE TABLE users (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_key   TEXT COLLATE "C" NOT NULL UNIQUE, -- normalised e-mail or username
    type       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    name       TEXT   NOT NULL,                  -- the owner's own spelling of user_key
    first_name TEXT   NOT NULL,
    last_name  TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT   NOT NULL,
    request_id TEXT   NOT NULL
);

CREATE TABLE services (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    service_key TEXT COLLATE "C" NOT NULL UNIQUE, -- type:external_id
    label       TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    updated_by  TEXT   NOT NULL,
    request_id  TEXT   NOT NULL
);

CREATE TABLE mappings (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id    TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    service_id TEXT COLLATE "C" NOT NULL REFERENCES services (id),
    matcher    TEXT   NOT NULL, -- JSON object of strings
    claim      TEXT COLLATE "C" NOT NULL, -- what two holders of one account share
    profile    TEXT   NOT NULL, -- JSON object of strings
    source     TEXT   NOT NULL,
    rule       TEXT   NOT NULL,
    revision   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT   NOT NULL,
    request_id TEXT   NOT NULL,
    UNIQUE (user_id, service_id)
);

CREATE INDEX mappings_by_claim ON mappings (service_id, claim);

-- One source of all revisions: a number that was handed out once is never
-- handed out again. A counter in a row would make every two writers conflict.
CREATE SEQUENCE revisions;

INSERT INTO services (id, service_key, label, created_at, updated_at, updated_by, request_id)
VALUES ('00000000-0000-4000-8000-000000000001', 'sym:cloud', 'Sym', 0, 0, '', '');

-- +goose Down
DROP SEQUENCE revisions;
DROP TABLE mappings;
DROP TABLE services;
DROP TABLE users;
