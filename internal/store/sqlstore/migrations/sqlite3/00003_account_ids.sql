-- Copyright (c) The terraform-provider-sym Authors
-- SPDX-License-Identifier: MPL-2.0
--
-- The account's own id beside an identity that is a reusable name, such as a
-- GitHub login. '' = not known.

-- +goose Up
ALTER TABLE mappings ADD COLUMN account_id TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE mappings DROP COLUMN account_id;
