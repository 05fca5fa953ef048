-- How good the alarms are: how long each cab has sounded, and the log by time for the figures of alarm management.
CREATE TABLE cab_sound (
    device_id integer NOT NULL REFERENCES device,
    hour timestamptz NOT NULL,
    rule text NOT NULL,          -- '' is all of them together, which may sound at once
    ms integer NOT NULL CHECK (ms >= 0),
    times integer NOT NULL CHECK (times >= 0),
    PRIMARY KEY (device_id, hour, rule)
);
CREATE INDEX transition_time ON transition (device_id, at_ms);
