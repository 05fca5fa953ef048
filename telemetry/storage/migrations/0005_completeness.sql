-- What is missing, since when, and from which time of the device: see telemetry/storage/completeness.py.

ALTER TABLE frame_ledger
    ADD COLUMN lost int8multirange NOT NULL DEFAULT '{}',  -- declared lost, why in frame_loss: receipted, never awaited
    ADD COLUMN ended bigint,                               -- the boot's last seq, as the device said at a later birth
    ADD COLUMN ended_at timestamptz,                       -- when it said so first
    ADD COLUMN archived bigint NOT NULL DEFAULT 0;         -- up to here the truth is in frame_archive

-- Whether a seq from 1 to the highest known one is neither here nor declared lost. Generated, so that no writer can
-- forget it; it seldom changes, so the partial index below seldom costs an update its place in the page.
-- Most boots are whole, and then the first question is the only one: the unions are spared.
ALTER TABLE frame_ledger ADD COLUMN gaps boolean GENERATED ALWAYS AS (
    CASE WHEN stored @> int8range(1, greatest(upper(stored), upper(quarantined), ended + 1, 1)) THEN false
    ELSE NOT (stored + quarantined + lost) @> int8range(1, greatest(upper(stored), upper(quarantined), ended + 1, 1))
    END
) STORED;
CREATE INDEX frame_ledger_gaps ON frame_ledger (device_id, boot_no) WHERE gaps;

-- What the ledger of a boot in very many pieces said up to `archived`. There the ledger itself says "stored" and
-- "evaluated" of everything, so that its ranges are few and adding to it stays cheap.
CREATE TABLE frame_archive (
    device_id integer NOT NULL REFERENCES device,
    boot_no integer NOT NULL,
    low bigint NOT NULL,
    high bigint NOT NULL,
    stored int8multirange NOT NULL,
    quarantined int8multirange NOT NULL,
    evaluated int8multirange NOT NULL,
    reviewed int8multirange NOT NULL,
    refused int8multirange NOT NULL,
    lost int8multirange NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, boot_no, low)
);

-- Holes that were declared lost: when, and why (journal: the devices' journals reach no further back; fragmented: the
-- boot had more holes than a ledger may hold; declared: a person said so).
CREATE TABLE frame_loss (
    loss_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id integer NOT NULL REFERENCES device,
    boot_no integer NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL DEFAULT '',
    seqs int8multirange NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX frame_loss_boot ON frame_loss (device_id, boot_no);

-- Marks, made anew: the first frame of each quarter of an hour, and each frame that was not stored right after the one
-- before it, with the moment of its receipt. A seq that has no mark stands behind the mark before it.
DROP TABLE seq_mark;
CREATE TABLE seq_mark (
    device_id integer NOT NULL,
    boot_no integer NOT NULL,
    seq bigint NOT NULL,
    ts_ms bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, boot_no, seq)
);
CREATE INDEX seq_mark_ts ON seq_mark USING brin (ts_ms);  -- for retention

-- What was stored before there were such marks: quarters of an hour will do for it.
INSERT INTO seq_mark (device_id, boot_no, seq, ts_ms, received_at)
SELECT device_id, boot_no, min(seq), (extract(epoch FROM min(ts)) * 1000)::bigint, min(received_at)
FROM (
    SELECT device_id, boot_no, seq, ts, received_at FROM reading_crane
    UNION ALL
    SELECT device_id, boot_no, seq, ts, received_at FROM reading_formwork
) AS reading
WHERE boot_no > 0
GROUP BY device_id, boot_no, date_bin('15 minutes', ts, TIMESTAMPTZ '2000-01-03 00:00:00+00')
ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING;

-- What was done to the record itself, and is not in it: restored from a backup, readings dropped by retention.
CREATE TABLE record_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    type text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX record_event_at ON record_event (at);
