-- Readings as hypertables of one-day chunks; the unique index already begins with what queries ask for. With data: a
-- migration that was killed after the first file leaves tables that take readings.
SELECT create_hypertable('reading_crane', by_range('ts', INTERVAL '1 day'), create_default_indexes => false, migrate_data => true);
SELECT create_hypertable('reading_formwork', by_range('ts', INTERVAL '1 day'), create_default_indexes => false, migrate_data => true);

-- Columnstore after 30 days: longer than the longest outage, so that backfill seldom meets compressed rows.
ALTER TABLE reading_crane SET (timescaledb.enable_columnstore = true, timescaledb.segmentby = 'device_id', timescaledb.orderby = 'ts, boot_no, seq, i');
CALL add_columnstore_policy('reading_crane', after => INTERVAL '30 days');
SELECT add_retention_policy('reading_crane', INTERVAL '400 days');
ALTER TABLE reading_formwork SET (timescaledb.enable_columnstore = true, timescaledb.segmentby = 'device_id', timescaledb.orderby = 'ts, boot_no, seq, i');
CALL add_columnstore_policy('reading_formwork', after => INTERVAL '30 days');
SELECT add_retention_policy('reading_formwork', INTERVAL '400 days');
