-- Readings as hypertables of one-day chunks; the unique index already begins with what queries ask for. With data: a
-- migration that was killed after the first file leaves tables that take readings.
SELECT create_hypertable('reading_crane', by_range('ts', INTERVAL '1 day'), create_default_indexes => false, migrate_data => true);
SELECT create_hypertable('reading_formwork', by_range('ts', INTERVAL '1 day'), create_default_indexes => false, migrate_data => true);
