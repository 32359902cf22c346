-- Copyright (c) The terraform-provider-sym Authors
-- SPDX-License-Identifier: MPL-2.0
--
-- Who changed which mapping, from what, to what. Rows are only ever added, and
-- removed when they are older than the configuration keeps them. They refer to
-- nothing: users and services may be gone. id comes from the revisions, so it
-- orders the changes of one mapping as they happened.

-- +goose Up
CREATE TABLE history (
    id           BIGINT NOT NULL PRIMARY KEY,
    changed_at   BIGINT NOT NULL,
    changed_by   TEXT   NOT NULL,
    request_id   TEXT   NOT NULL,
    user_id      TEXT   NOT NULL,
    user_key     TEXT   NOT NULL, -- as it was at the time
    service_key  TEXT   NOT NULL,
    value_before TEXT   NOT NULL, -- JSON object; '' = nothing was stored
    value_after  TEXT   NOT NULL  -- JSON object; '' = it was deleted
);

CREATE INDEX history_by_user ON history (user_id, id);
CREATE INDEX history_by_user_key ON history (user_key, id);
CREATE INDEX history_by_service ON history (service_key, id);

-- +goose Down
DROP TABLE history;
