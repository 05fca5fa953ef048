-- Readings as hypertables of one-day chunks; the unique index already begins with what queries ask for.
SELECT create_hypertable('reading_crane', by_range('ts', INTERVAL '1 day'), create_default_indexes => false);
SELECT create_hypertable('reading_formwork', by_range('ts', INTERVAL '1 day'), create_default_indexes => false);
