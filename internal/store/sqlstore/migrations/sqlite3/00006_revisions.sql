-- Copyright (c) The terraform-provider-sym Authors
-- SPDX-License-Identifier: MPL-2.0
--
-- Users and services have revisions, as mappings do, so that a deletion can depend
-- on what the caller knows. sym:cloud cannot be changed and has none.

-- +goose Up
ALTER TABLE users ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
ALTER TABLE services ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
UPDATE revisions SET last = last + 1;
UPDATE users SET revision = (SELECT last FROM revisions);
UPDATE services SET revision = (SELECT last FROM revisions) WHERE service_key <> 'sym:cloud';

-- +goose Down
ALTER TABLE services DROP COLUMN revision;
ALTER TABLE users DROP COLUMN revision;
