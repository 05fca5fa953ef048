-- What limit profiles would have done: back-tests over recorded readings, and candidates that run in the shadow of what
-- holds. Nothing here is annunciated, and nothing that is annunciated reads it.
CREATE TABLE backtest (
    backtest_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('replay', 'shadow')),
    profile text NOT NULL,           -- name/version@hash
    profile_hash text NOT NULL CHECK (profile_hash ~ '^[0-9a-f]{64}$'),
    target text NOT NULL,            -- SITE, SITE/DEVICE or SITE/KIND/DEVICE
    site text NOT NULL,
    from_ms bigint NOT NULL,         -- of device time
    to_ms bigint NOT NULL CHECK (to_ms > from_ms),
    outcome text NOT NULL CHECK (outcome IN ('good', 'missing', 'different', 'refused', 'empty')),
    accepted text,                   -- why life-safety alarms may be missing, and who says so
    run_by text NOT NULL CHECK (btrim(run_by) <> ''),
    finished_at timestamptz NOT NULL DEFAULT now(),
    result jsonb NOT NULL
);
CREATE INDEX backtest_profile ON backtest (profile_hash, backtest_id);
CREATE INDEX backtest_site ON backtest (site, backtest_id);

CREATE TABLE shadow_run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site text NOT NULL,
    profile text NOT NULL,
    profile_hash text NOT NULL CHECK (profile_hash ~ '^[0-9a-f]{64}$'),
    body jsonb NOT NULL,             -- the candidate, its base resolved
    run_by text NOT NULL CHECK (btrim(run_by) <> ''),
    begun_ms bigint NOT NULL,
    until_ms bigint NOT NULL CHECK (until_ms > begun_ms),
    looked_at timestamptz NOT NULL DEFAULT now(),  -- when its process last had all that was evaluated
    ended_at timestamptz,
    backtest_id bigint REFERENCES backtest
);
CREATE UNIQUE INDEX shadow_run_open ON shadow_run (site, profile_hash) WHERE ended_at IS NULL;

CREATE TABLE shadow_device (
    run_id bigint NOT NULL REFERENCES shadow_run,
    device_id integer NOT NULL REFERENCES device,
    seen_ms bigint,                  -- device time of the last sample that was played
    watched_ms bigint NOT NULL DEFAULT 0,
    samples bigint NOT NULL DEFAULT 0,
    compared bigint NOT NULL DEFAULT 0,      -- transitions under what holds, held against the log: a check on ourselves
    different bigint NOT NULL DEFAULT 0,
    lead_in_ms bigint,               -- what was played before the run began, or before it went on
    not_judged text[] NOT NULL DEFAULT '{}',  -- rules with a longer memory than that
    trouble text,                    -- why it is not played, or not under the candidate
    PRIMARY KEY (run_id, device_id)
);

-- Alarms under what holds (`then`) and under the candidate (`now`), as the same engine found them.
CREATE TABLE shadow_alarm (
    run_id bigint NOT NULL REFERENCES shadow_run,
    device_id integer NOT NULL REFERENCES device,
    side text NOT NULL CHECK (side IN ('then', 'now')),
    rule text NOT NULL,
    at_ms bigint NOT NULL,
    boot text NOT NULL,
    seq bigint NOT NULL,
    i integer NOT NULL,
    until_ms bigint,
    severity smallint NOT NULL,
    life_safety boolean NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (run_id, device_id, side, rule, boot, seq, i)
);
