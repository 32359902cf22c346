-- Copyright (c) The terraform-provider-sym Authors
-- SPDX-License-Identifier: MPL-2.0
--
-- Finds who holds an account that is renamed: its id stays.

-- +goose Up
CREATE INDEX mappings_by_account ON mappings (service_id, account_id) WHERE account_id <> '';

-- +goose Down
DROP INDEX mappings_by_account;
