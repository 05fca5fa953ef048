-- The whole schema but for what differs between editions: hypertables (0002) and rollups (0003).
-- Times that a device or analyzer stated are kept as Unix milliseconds (`..._ms`) beside or instead of a
-- timestamp: a hostile or broken clock may name a year that no driver can read back.

CREATE TABLE organisation (
    name text PRIMARY KEY,
    role text NOT NULL DEFAULT 'unknown',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE site (
    site text PRIMARY KEY,
    display_name text NOT NULL DEFAULT '',
    timezone text NOT NULL DEFAULT 'Asia/Shanghai',
    organisation text REFERENCES organisation,
    config jsonb NOT NULL DEFAULT '{}',
    config_version integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE device (
    device_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site text NOT NULL REFERENCES site,
    kind text NOT NULL,
    device text NOT NULL,
    display_name text NOT NULL DEFAULT '',
    organisation text REFERENCES organisation,
    property_no text,      -- 产权备案编号
    registration_no text,  -- 使用登记编号
    config jsonb NOT NULL DEFAULT '{}',
    config_version integer NOT NULL DEFAULT 0,
    registered_by text NOT NULL DEFAULT 'first frame',
    online boolean,
    presence jsonb,
    presence_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (site, kind, device)
);

-- boot_no orders the boots of a device as they were first seen; 0 is the boot of frames made by hand.
CREATE TABLE device_boot (
    device_id integer NOT NULL REFERENCES device,
    boot_no integer NOT NULL,
    boot text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, boot_no),
    UNIQUE (device_id, boot)
);

-- Columns follow telemetry/kinds.py; a test compares them.
CREATE TABLE reading_crane (
    device_id integer NOT NULL,
    ts timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    boot_no integer NOT NULL,
    seq bigint NOT NULL,
    i integer NOT NULL,
    invalid bigint NOT NULL,
    load_t real,
    radius_m real,
    hook_m real,
    slew_deg real,
    falls real,
    wind_mps real,
    wind_deg real,
    tilt_x_deg real,
    tilt_y_deg real,
    rated_load_t real,
    battery_pct real,
    power_ok boolean,
    bypass boolean,
    mode text,
    operator text,
    limits bigint,
    device_prewarn bigint,
    device_alarm bigint,
    relays bigint
);
CREATE UNIQUE INDEX reading_crane_once ON reading_crane (device_id, ts, boot_no, seq, i);

CREATE TABLE reading_formwork (
    device_id integer NOT NULL,
    ts timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    boot_no integer NOT NULL,
    seq bigint NOT NULL,
    i integer NOT NULL,
    invalid bigint NOT NULL,
    force_kn real,
    settle_mm real,
    shift_x_mm real,
    shift_y_mm real,
    tilt_x_deg real,
    tilt_y_deg real,
    battery_pct real,
    power_ok boolean,
    pouring boolean
);
CREATE UNIQUE INDEX reading_formwork_once ON reading_formwork (device_id, ts, boot_no, seq, i);

-- Readings whose device time is outside [received - 400 d, received + 1 h]: device time never chooses a chunk unchecked.
CREATE TABLE reading_misdated (
    device_id integer NOT NULL REFERENCES device,
    received_at timestamptz NOT NULL,
    ts_ms bigint NOT NULL,
    boot_no integer NOT NULL,
    seq bigint NOT NULL,
    i integer NOT NULL,
    invalid bigint NOT NULL,
    sample jsonb NOT NULL
);
CREATE UNIQUE INDEX reading_misdated_once ON reading_misdated (device_id, ts_ms, boot_no, seq, i);
CREATE INDEX reading_misdated_received ON reading_misdated (received_at);

-- What arrived and what was evaluated live, per boot; the complement of `stored` + `quarantined` is what is missing.
CREATE TABLE frame_ledger (
    device_id integer NOT NULL REFERENCES device,
    boot_no integer NOT NULL,
    stored int8multirange NOT NULL DEFAULT '{}',
    quarantined int8multirange NOT NULL DEFAULT '{}',
    evaluated int8multirange NOT NULL DEFAULT '{}',
    PRIMARY KEY (device_id, boot_no)
) WITH (fillfactor = 50);

CREATE TABLE quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint bytea NOT NULL,  -- SHA-256 of topic and payload
    day date NOT NULL,
    site text,
    kind text,
    device text,
    topic text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    boot text,
    seq bigint,
    length integer NOT NULL,
    sha256 bytea NOT NULL,
    head bytea NOT NULL,         -- the first 4 KiB
    count bigint NOT NULL DEFAULT 1,
    first_received_at timestamptz NOT NULL,
    last_received_at timestamptz NOT NULL,
    UNIQUE (fingerprint, day)
);
CREATE INDEX quarantine_device ON quarantine (site, device, quarantine_id);

-- Beyond the cap per device and day, only counted.
CREATE TABLE quarantine_overflow (
    source text NOT NULL,
    day date NOT NULL,
    count bigint NOT NULL,
    last_reason text NOT NULL,
    last_received_at timestamptz NOT NULL,
    PRIMARY KEY (source, day)
);

CREATE TABLE transition (
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,  -- the number a reader resumes from
    id text PRIMARY KEY,
    device_id integer NOT NULL REFERENCES device,
    rule text NOT NULL,
    signal text NOT NULL,
    previous text NOT NULL,
    state text NOT NULL,
    severity smallint NOT NULL,
    at_ms bigint NOT NULL,
    observed boolean NOT NULL,
    origin text NOT NULL,
    life_safety boolean NOT NULL,
    payload jsonb NOT NULL,      -- as it was published
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX transition_device ON transition (device_id, position);

CREATE TABLE alarm (
    device_id integer NOT NULL REFERENCES device,
    rule text NOT NULL,
    transition_id text NOT NULL,
    state text NOT NULL,
    severity smallint NOT NULL,
    at_ms bigint NOT NULL,
    since_ms bigint NOT NULL,    -- when it left normal
    life_safety boolean NOT NULL,
    payload jsonb NOT NULL,      -- its last transition
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, rule)
);

CREATE TABLE device_event (
    device_id integer NOT NULL REFERENCES device,
    id text NOT NULL,
    type text NOT NULL,
    ts_ms bigint NOT NULL,
    boot text,
    seq bigint,
    data jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, id)
);

CREATE TABLE work_cycle (
    device_id integer NOT NULL REFERENCES device,
    id text NOT NULL,
    ts_ms bigint NOT NULL,
    data jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, id)
);

CREATE TABLE response (
    id text NOT NULL,
    device_id integer NOT NULL REFERENCES device,
    action text NOT NULL,
    rule text,
    transition_id text,
    at_ms bigint NOT NULL,
    who text NOT NULL,
    why text,
    until_ms bigint,
    payload jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, id)
);

-- A terminal rendered a transition: the proof that it got there.
CREATE TABLE shown (
    device_id integer NOT NULL REFERENCES device,
    transition_id text NOT NULL,
    terminal text NOT NULL,
    at_ms bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, transition_id, terminal)
);

-- The last heartbeat of each terminal.
CREATE TABLE terminal (
    device_id integer NOT NULL REFERENCES device,
    terminal text NOT NULL,
    at_ms bigint NOT NULL,
    visible boolean,
    audio text,
    volume double precision,
    wake_lock boolean,
    build text,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, terminal)
) WITH (fillfactor = 50);

CREATE TABLE coverage (
    device_id integer PRIMARY KEY REFERENCES device,
    at_ms bigint NOT NULL,
    level text NOT NULL,
    payload jsonb NOT NULL,
    received_at timestamptz NOT NULL
);

CREATE TABLE coverage_change (
    device_id integer NOT NULL REFERENCES device,
    at_ms bigint NOT NULL,
    level text NOT NULL,
    payload jsonb NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, at_ms)
);

CREATE TABLE limit_profile (
    name text NOT NULL,
    version integer NOT NULL,
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version)
);

CREATE TABLE app_user (
    user_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login text NOT NULL UNIQUE,
    display_name text NOT NULL,
    organisation text NOT NULL REFERENCES organisation,
    role text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL,
    body jsonb NOT NULL,
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    done_at timestamptz
);
