-- Who may do what where, and who did it. app_user has had no rows: no release has written here before.
ALTER TABLE app_user
    DROP COLUMN role,
    ADD COLUMN password_hash text,            -- Argon2id, PHC string; NULL: none has been set, or signs in elsewhere
    ADD COLUMN language text CHECK (language IN ('zh', 'en', 'both')),
    ADD COLUMN phone text,
    ADD COLUMN disabled_at timestamptz,
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now(),  -- a token that is older says nothing of this person
    ADD CONSTRAINT app_user_login CHECK (login ~ '^[a-z0-9][a-z0-9._@+-]{0,63}$');

CREATE TABLE api_key (
    key_id text PRIMARY KEY CHECK (key_id ~ '^[a-z0-9]{12}$'),
    name text NOT NULL CHECK (btrim(name) <> ''),
    organisation text NOT NULL REFERENCES organisation,
    secret_hash bytea NOT NULL,               -- SHA-256 of 256 random bits: nothing to guess, so nothing to slow down
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    used_at timestamptz
);

-- A role at a site, or at all of them ('*').
CREATE TABLE app_grant (
    user_id integer REFERENCES app_user,
    key_id text REFERENCES api_key,
    role text NOT NULL,
    site text NOT NULL DEFAULT '*',
    CHECK ((user_id IS NULL) <> (key_id IS NULL))
);
CREATE UNIQUE INDEX app_grant_user ON app_grant (user_id, role, site) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX app_grant_key ON app_grant (key_id, role, site) WHERE key_id IS NOT NULL;

-- A sign-in. `refresh_hash` changes with each use; an older token that comes again was stolen, or its thief's came first.
CREATE TABLE login_session (
    session_id text PRIMARY KEY,
    user_id integer NOT NULL REFERENCES app_user,
    refresh_hash bytea NOT NULL UNIQUE,
    previous_hash bytea,
    rotated_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_why text,
    address text NOT NULL,
    agent text NOT NULL
);
CREATE INDEX login_session_user ON login_session (user_id);
CREATE INDEX login_session_previous ON login_session (previous_hash);
CREATE INDEX login_session_revoked ON login_session (revoked_at) WHERE revoked_at IS NOT NULL;

-- A link with which a person sets a password, once.
CREATE TABLE invitation (
    token_hash bytea PRIMARY KEY,
    user_id integer NOT NULL REFERENCES app_user,
    created_by text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

-- Failed sign-ins, by what is slowed down for them: an address, a login, or both together.
CREATE TABLE login_failure (
    subject text PRIMARY KEY,
    failures integer NOT NULL,
    last_at timestamptz NOT NULL
);

CREATE TABLE signing_key (
    key_id text PRIMARY KEY,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);

CREATE TABLE audit_log (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,                  -- when it was done; recorded_at may be later, when the record was away
    recorded_at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL,
    organisation text,
    address text,
    action text NOT NULL,
    target text NOT NULL,
    site text,
    before jsonb,
    after jsonb
);
CREATE INDEX audit_log_site ON audit_log (site, audit_id DESC);
CREATE INDEX audit_log_who ON audit_log (who, audit_id DESC);

CREATE FUNCTION audit_log_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER audit_log_guard BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_guard();

-- What a command answered, so that the same one sent again is not done again.
CREATE TABLE idempotency (
    caller text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status smallint,                          -- NULL: it is being done
    body jsonb,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_at ON idempotency (at);

-- An alarm that was over, looked at again by a person: what it was. By the transition that raised it.
CREATE TABLE alarm_closing (
    transition_id text PRIMARY KEY REFERENCES transition,
    cause text NOT NULL CHECK (cause IN ('true_danger', 'allowed_work', 'sensor', 'test', 'unknown')),
    note text,
    who text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
