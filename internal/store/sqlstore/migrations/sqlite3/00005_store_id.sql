-- Copyright (c) The terraform-provider-sym Authors
-- SPDX-License-Identifier: MPL-2.0
--
-- What the store knows of itself, in one row.

-- +goose Up
CREATE TABLE store (
    id      TEXT   NOT NULL PRIMARY KEY, -- a UUID, so that no two stores are taken for one
    seen_at BIGINT NOT NULL              -- how far time has come, for removing old history; 0 = not known yet
);

INSERT INTO store (id, seen_at) VALUES (lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' ||
    substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))), 0);

-- +goose Down
DROP TABLE store;
