-- Work cycles that the analyzer recognises, beside those that boxes count themselves (`device`): both are kept, told
-- apart by their origin, and only one sort is ever summed up. No column is device text that could choose a place.
ALTER TABLE work_cycle
    DROP CONSTRAINT work_cycle_pkey,
    ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- the number a reader resumes from
    ADD COLUMN origin text NOT NULL DEFAULT 'device' CHECK (origin IN ('device', 'live', 'review')),
    ADD COLUMN load_pct real,      -- the load that counts, of the crane's largest load
    ADD COLUMN operator text;      -- a pseudonym
-- A box chooses its ids as it likes: they must not stand in the way of ours.
CREATE UNIQUE INDEX work_cycle_told ON work_cycle (device_id, id) WHERE origin = 'device';
CREATE UNIQUE INDEX work_cycle_recognised ON work_cycle (device_id, id) WHERE origin <> 'device';
CREATE INDEX work_cycle_page ON work_cycle (device_id, position);
-- Everything that a total asks for, so that 10^5 cycles of a year are read from the index alone.
CREATE INDEX work_cycle_total ON work_cycle (device_id, ts_ms) INCLUDE (origin, load_pct, operator, id);

-- What the last review says of a recognised cycle, where that is not what was recognised live: it was a part of another
-- one, or a figure of it is another one. Late data completes a lift that was cut by a gap.
CREATE TABLE work_cycle_review (
    device_id integer NOT NULL REFERENCES device,
    id text NOT NULL,
    review_id bigint NOT NULL REFERENCES review,
    verdict text NOT NULL CHECK (verdict IN ('not_reproduced', 'changed')),
    payload jsonb,               -- as the review has it, when changed
    PRIMARY KEY (device_id, id)
);
