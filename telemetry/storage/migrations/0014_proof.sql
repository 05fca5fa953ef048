-- Proof tests: the test channel, tests with their chain and outcome, and when a site wants them.

ALTER TABLE reading_crane ADD COLUMN proof_pct real;

CREATE TABLE proof_test (
    proof_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    test text NOT NULL UNIQUE,                -- its name on the wire
    device_id integer NOT NULL REFERENCES device,
    source text NOT NULL CHECK (source IN ('person', 'cab', 'schedule')),
    ordered_by text NOT NULL,
    note text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN ('asked', 'ordered', 'sent', 'over')),
    asked_at timestamptz NOT NULL DEFAULT now(),
    until_at timestamptz NOT NULL,            -- nobody begins it after that
    tap text UNIQUE,                          -- the response by which the operator began it
    begun_by text,                            -- who that was
    sent_at timestamptz,                      -- the order went to the device
    hold_s real,                              -- how long its channel is driven
    links jsonb NOT NULL DEFAULT '[]',        -- how far it came, link by link, with times and seconds
    raised text,                              -- the transition that it raised
    outcome text CHECK (outcome IN ('passed', 'failed', 'refused', 'interrupted', 'not_done')),
    failed_link text,
    detail text NOT NULL DEFAULT '',
    judged_at timestamptz,
    watched_until timestamptz,                -- links that come later are still written down
    CHECK ((outcome IS NOT NULL) = (state = 'over')),
    CHECK ((outcome = 'failed') = (failed_link IS NOT NULL))
);
-- One at a time: a second order, and a second notifier's, find the first one.
CREATE UNIQUE INDEX proof_test_open ON proof_test (device_id) WHERE outcome IS NULL;
CREATE INDEX proof_test_device ON proof_test (device_id, proof_id DESC);
CREATE INDEX proof_test_watched ON proof_test (watched_until) WHERE outcome IS NOT NULL;

-- What operators have tapped, among all responses.
CREATE INDEX response_tap ON response (received_at) WHERE action = 'begin_test';

-- When tests are asked for; device_id NULL: all devices of the site that have a test channel and no row of their own.
CREATE TABLE proof_schedule (
    site text NOT NULL REFERENCES site,
    device_id integer REFERENCES device,
    every_days integer NOT NULL CHECK (every_days BETWEEN 1 AND 366),
    begins text NOT NULL,                     -- hours of the site's day
    ends text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (site, device_id)
);
