-- The review of late data: what was stored and not evaluated live, whatever the cause.
ALTER TABLE frame_ledger
    ADD COLUMN reviewed int8multirange NOT NULL DEFAULT '{}',
    ADD COLUMN refused int8multirange NOT NULL DEFAULT '{}';  -- by the review, with a reason in `review`

-- What a device was judged by, from a place in its readings on: it is no reading, and a replay needs it.
CREATE TABLE evaluation_terms (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id integer NOT NULL REFERENCES device,
    boot_no integer NOT NULL,
    seq bigint NOT NULL,         -- the last frame that was evaluated before
    start boolean NOT NULL,      -- the analyzer knew nothing of the device before
    payload jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    reviewed boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX evaluation_terms_once ON evaluation_terms (device_id, boot_no, seq, md5(payload::text));

-- Where in time the frames of a boot are: one mark when `ts` is an hour from the last. Without it a frame can only be
-- found by its number in all that a device has ever sent.
CREATE TABLE seq_mark (
    device_id integer NOT NULL,
    boot_no integer NOT NULL,
    seq bigint NOT NULL,
    ts_ms bigint NOT NULL,
    PRIMARY KEY (device_id, boot_no, seq, ts_ms)
);

CREATE TABLE review (
    review_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id integer NOT NULL REFERENCES device,
    finished_at timestamptz NOT NULL DEFAULT now(),
    from_ms bigint,              -- device time of the first and of the last sample that was looked at
    to_ms bigint,
    late jsonb NOT NULL,         -- boot to ranges of seq, ends included
    frames bigint NOT NULL,      -- late ones
    samples bigint NOT NULL,     -- all that were read
    added integer NOT NULL,      -- transitions that nobody had seen
    not_reproduced integer NOT NULL,
    settled boolean NOT NULL,    -- nothing that is still to come can change it
    refusal text                 -- why these frames cannot be reviewed; NULL when they were
);
CREATE INDEX review_device ON review (device_id, review_id);
CREATE INDEX review_unsettled ON review (device_id) WHERE NOT settled;

-- What the last review that looked at a transition says of it, where that is not what was said live.
CREATE TABLE transition_review (
    transition_id text PRIMARY KEY REFERENCES transition (id),
    review_id bigint NOT NULL REFERENCES review,
    verdict text NOT NULL CHECK (verdict IN ('not_reproduced', 'changed')),
    payload jsonb                -- as the review has it, when changed
);
