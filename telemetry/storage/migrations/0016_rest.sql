-- Exports that are made in the background, and what commands answered.

-- A file of the record that somebody asked for; the file itself is in the folder of the process that made it.
CREATE TABLE export_job (
    export_id text PRIMARY KEY CHECK (export_id ~ '^[a-z0-9]{16}$'),
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    owner text NOT NULL,                      -- who asked for it: nobody else sees it
    site text NOT NULL REFERENCES site,
    wish jsonb NOT NULL,
    file_name text NOT NULL,
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'expired')),
    attempts integer NOT NULL DEFAULT 0,      -- a process that dies leaves it to another one, once
    rows bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    fraction real NOT NULL DEFAULT 0 CHECK (fraction BETWEEN 0 AND 1),
    sha256 text,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    beat_at timestamptz,                      -- somebody works on it
    ended_at timestamptz,
    expires_at timestamptz                    -- the file goes then
);
CREATE INDEX export_job_owner ON export_job (owner, position DESC);
CREATE INDEX export_job_open ON export_job (position) WHERE state IN ('waiting', 'running');

-- No release has written here before: an answer is kept byte for byte, with its headers, and under a hash of the key, so
-- that who reads the table can neither use a key nor try what was in a body.
DROP TABLE idempotency;
CREATE TABLE idempotency (
    caller text NOT NULL,
    key_hash bytea NOT NULL,
    request_mac bytea NOT NULL,               -- of method, path, query and body, keyed by the key
    status smallint,                          -- NULL: it is being done, or who did it died
    headers jsonb,
    body bytea,                               -- NULL with a status: the answer held a secret, or was too long to keep
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, key_hash)
);
CREATE INDEX idempotency_at ON idempotency (at);
