-- Copyright (c) The terraform-provider-sym Authors
-- SPDX-License-Identifier: MPL-2.0
--
-- The network address that a change came from. '' = not known, as in changes
-- made before and in embedded mode.

-- +goose Up
ALTER TABLE history ADD COLUMN address TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE history DROP COLUMN address;
