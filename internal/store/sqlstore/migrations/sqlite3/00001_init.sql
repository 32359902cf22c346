-- Copyright (c) The terraform-provider-sym Authors
-- SPDX-License-Identifier: MPL-2.0
--
-- Times are microseconds since 1970, UTC. Text compares byte by byte.

-- +goose Up
CREATE TABLE users (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_key   TEXT   NOT NULL UNIQUE, -- normalised e-mail or username
    type       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    name       TEXT   NOT NULL,        -- the owner's own spelling of user_key
    first_name TEXT   NOT NULL,
    last_name  TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT   NOT NULL,
    request_id TEXT   NOT NULL
);

CREATE TABLE services (
    id          TEXT   NOT NULL PRIMARY KEY,
    service_key TEXT   NOT NULL UNIQUE, -- type:external_id
    label       TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    updated_by  TEXT   NOT NULL,
    request_id  TEXT   NOT NULL
);

CREATE TABLE mappings (
    id         TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL REFERENCES users (id),
    service_id TEXT   NOT NULL REFERENCES services (id),
    matcher    TEXT   NOT NULL, -- JSON object of strings
    claim      TEXT   NOT NULL, -- what two holders of one account share
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

-- One counter for all revisions: a number that was handed out once is never
-- handed out again, whatever is deleted, recreated or renamed in between.
CREATE TABLE revisions (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    last BIGINT  NOT NULL
);

INSERT INTO revisions (only, last) VALUES (1, 0);

INSERT INTO services (id, service_key, label, created_at, updated_at, updated_by, request_id)
VALUES ('00000000-0000-4000-8000-000000000001', 'sym:cloud', 'Sym', 0, 0, '', '');

-- +goose Down
DROP TABLE revisions;
DROP TABLE mappings;
DROP TABLE services;
DROP TABLE users;
