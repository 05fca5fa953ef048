-- One-minute rollups, read through functions of one signature in every edition; the bound on ts is inside.
-- Readings marked invalid do not count. Buckets start where date_bin and time_bucket agree: 2000-01-03.
-- Minutes are whole, all that touch [from_ts, to_ts): a rollup has no halves, so no edition answers with half a minute.
-- PL/pgSQL, volatile, planned at every call: so the statement is planned (which fixes the watermark between rollup and
-- raw) before it takes its snapshot. Inlined as an SQL function, the watermark is read while the query runs, newer than
-- its snapshot, and an answer during a refresh misses minutes.
CREATE MATERIALIZED VIEW crane_1m_rollup
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
    SELECT device_id, time_bucket('1 minute', ts, origin => TIMESTAMPTZ '2000-01-03 00:00:00+00') AS bucket, count(*) AS n,
        count(load_t) FILTER (WHERE (invalid & 1) = 0) AS load_t_n,
        avg(load_t) FILTER (WHERE (invalid & 1) = 0) AS load_t_avg,
        min(load_t) FILTER (WHERE (invalid & 1) = 0) AS load_t_min,
        max(load_t) FILTER (WHERE (invalid & 1) = 0) AS load_t_max,
        count(radius_m) FILTER (WHERE (invalid & 2) = 0) AS radius_m_n,
        avg(radius_m) FILTER (WHERE (invalid & 2) = 0) AS radius_m_avg,
        min(radius_m) FILTER (WHERE (invalid & 2) = 0) AS radius_m_min,
        max(radius_m) FILTER (WHERE (invalid & 2) = 0) AS radius_m_max,
        count(hook_m) FILTER (WHERE (invalid & 4) = 0) AS hook_m_n,
        avg(hook_m) FILTER (WHERE (invalid & 4) = 0) AS hook_m_avg,
        min(hook_m) FILTER (WHERE (invalid & 4) = 0) AS hook_m_min,
        max(hook_m) FILTER (WHERE (invalid & 4) = 0) AS hook_m_max,
        count(slew_deg) FILTER (WHERE (invalid & 8) = 0) AS slew_deg_n,
        avg(slew_deg) FILTER (WHERE (invalid & 8) = 0) AS slew_deg_avg,
        min(slew_deg) FILTER (WHERE (invalid & 8) = 0) AS slew_deg_min,
        max(slew_deg) FILTER (WHERE (invalid & 8) = 0) AS slew_deg_max,
        count(wind_mps) FILTER (WHERE (invalid & 32) = 0) AS wind_mps_n,
        avg(wind_mps) FILTER (WHERE (invalid & 32) = 0) AS wind_mps_avg,
        min(wind_mps) FILTER (WHERE (invalid & 32) = 0) AS wind_mps_min,
        max(wind_mps) FILTER (WHERE (invalid & 32) = 0) AS wind_mps_max,
        count(tilt_x_deg) FILTER (WHERE (invalid & 128) = 0) AS tilt_x_deg_n,
        avg(tilt_x_deg) FILTER (WHERE (invalid & 128) = 0) AS tilt_x_deg_avg,
        min(tilt_x_deg) FILTER (WHERE (invalid & 128) = 0) AS tilt_x_deg_min,
        max(tilt_x_deg) FILTER (WHERE (invalid & 128) = 0) AS tilt_x_deg_max,
        count(tilt_y_deg) FILTER (WHERE (invalid & 256) = 0) AS tilt_y_deg_n,
        avg(tilt_y_deg) FILTER (WHERE (invalid & 256) = 0) AS tilt_y_deg_avg,
        min(tilt_y_deg) FILTER (WHERE (invalid & 256) = 0) AS tilt_y_deg_min,
        max(tilt_y_deg) FILTER (WHERE (invalid & 256) = 0) AS tilt_y_deg_max,
        count(rated_load_t) FILTER (WHERE (invalid & 512) = 0) AS rated_load_t_n,
        avg(rated_load_t) FILTER (WHERE (invalid & 512) = 0) AS rated_load_t_avg,
        min(rated_load_t) FILTER (WHERE (invalid & 512) = 0) AS rated_load_t_min,
        max(rated_load_t) FILTER (WHERE (invalid & 512) = 0) AS rated_load_t_max
    FROM reading_crane
    GROUP BY 1, 2
WITH NO DATA;

-- Never null as the start: a refresh over dropped raw data would erase its rollups. Raw retention is 400 days.
-- No batches: they go from newest to oldest, each commits, and what is older is in no answer until its batch is done.
SELECT add_continuous_aggregate_policy('crane_1m_rollup', start_offset => INTERVAL '393 days', end_offset => INTERVAL '2 minutes', schedule_interval => INTERVAL '5 minutes', buckets_per_batch => 0);
SELECT add_retention_policy('crane_1m_rollup', INTERVAL '3 years');

CREATE FUNCTION crane_1m(device integer, from_ts timestamptz, to_ts timestamptz)
RETURNS TABLE (bucket timestamptz, n bigint, load_t_n bigint, load_t_avg double precision, load_t_min real, load_t_max real, radius_m_n bigint, radius_m_avg double precision, radius_m_min real, radius_m_max real, hook_m_n bigint, hook_m_avg double precision, hook_m_min real, hook_m_max real, slew_deg_n bigint, slew_deg_avg double precision, slew_deg_min real, slew_deg_max real, wind_mps_n bigint, wind_mps_avg double precision, wind_mps_min real, wind_mps_max real, tilt_x_deg_n bigint, tilt_x_deg_avg double precision, tilt_x_deg_min real, tilt_x_deg_max real, tilt_y_deg_n bigint, tilt_y_deg_avg double precision, tilt_y_deg_min real, tilt_y_deg_max real, rated_load_t_n bigint, rated_load_t_avg double precision, rated_load_t_min real, rated_load_t_max real)
LANGUAGE plpgsql VOLATILE SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT bucket, n,
        load_t_n,
        load_t_avg,
        load_t_min,
        load_t_max,
        radius_m_n,
        radius_m_avg,
        radius_m_min,
        radius_m_max,
        hook_m_n,
        hook_m_avg,
        hook_m_min,
        hook_m_max,
        slew_deg_n,
        slew_deg_avg,
        slew_deg_min,
        slew_deg_max,
        wind_mps_n,
        wind_mps_avg,
        wind_mps_min,
        wind_mps_max,
        tilt_x_deg_n,
        tilt_x_deg_avg,
        tilt_x_deg_min,
        tilt_x_deg_max,
        tilt_y_deg_n,
        tilt_y_deg_avg,
        tilt_y_deg_min,
        tilt_y_deg_max,
        rated_load_t_n,
        rated_load_t_avg,
        rated_load_t_min,
        rated_load_t_max
    FROM crane_1m_rollup
    WHERE device_id = device AND bucket >= date_bin('1 minute', from_ts, TIMESTAMPTZ '2000-01-03 00:00:00+00') AND bucket < to_ts;
END
$$;

CREATE MATERIALIZED VIEW formwork_1m_rollup
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
    SELECT device_id, time_bucket('1 minute', ts, origin => TIMESTAMPTZ '2000-01-03 00:00:00+00') AS bucket, count(*) AS n,
        count(force_kn) FILTER (WHERE (invalid & 1) = 0) AS force_kn_n,
        avg(force_kn) FILTER (WHERE (invalid & 1) = 0) AS force_kn_avg,
        min(force_kn) FILTER (WHERE (invalid & 1) = 0) AS force_kn_min,
        max(force_kn) FILTER (WHERE (invalid & 1) = 0) AS force_kn_max,
        count(settle_mm) FILTER (WHERE (invalid & 2) = 0) AS settle_mm_n,
        avg(settle_mm) FILTER (WHERE (invalid & 2) = 0) AS settle_mm_avg,
        min(settle_mm) FILTER (WHERE (invalid & 2) = 0) AS settle_mm_min,
        max(settle_mm) FILTER (WHERE (invalid & 2) = 0) AS settle_mm_max,
        count(shift_x_mm) FILTER (WHERE (invalid & 4) = 0) AS shift_x_mm_n,
        avg(shift_x_mm) FILTER (WHERE (invalid & 4) = 0) AS shift_x_mm_avg,
        min(shift_x_mm) FILTER (WHERE (invalid & 4) = 0) AS shift_x_mm_min,
        max(shift_x_mm) FILTER (WHERE (invalid & 4) = 0) AS shift_x_mm_max,
        count(shift_y_mm) FILTER (WHERE (invalid & 8) = 0) AS shift_y_mm_n,
        avg(shift_y_mm) FILTER (WHERE (invalid & 8) = 0) AS shift_y_mm_avg,
        min(shift_y_mm) FILTER (WHERE (invalid & 8) = 0) AS shift_y_mm_min,
        max(shift_y_mm) FILTER (WHERE (invalid & 8) = 0) AS shift_y_mm_max,
        count(tilt_x_deg) FILTER (WHERE (invalid & 16) = 0) AS tilt_x_deg_n,
        avg(tilt_x_deg) FILTER (WHERE (invalid & 16) = 0) AS tilt_x_deg_avg,
        min(tilt_x_deg) FILTER (WHERE (invalid & 16) = 0) AS tilt_x_deg_min,
        max(tilt_x_deg) FILTER (WHERE (invalid & 16) = 0) AS tilt_x_deg_max,
        count(tilt_y_deg) FILTER (WHERE (invalid & 32) = 0) AS tilt_y_deg_n,
        avg(tilt_y_deg) FILTER (WHERE (invalid & 32) = 0) AS tilt_y_deg_avg,
        min(tilt_y_deg) FILTER (WHERE (invalid & 32) = 0) AS tilt_y_deg_min,
        max(tilt_y_deg) FILTER (WHERE (invalid & 32) = 0) AS tilt_y_deg_max
    FROM reading_formwork
    GROUP BY 1, 2
WITH NO DATA;

-- Never null as the start: a refresh over dropped raw data would erase its rollups. Raw retention is 400 days.
-- No batches: they go from newest to oldest, each commits, and what is older is in no answer until its batch is done.
SELECT add_continuous_aggregate_policy('formwork_1m_rollup', start_offset => INTERVAL '393 days', end_offset => INTERVAL '2 minutes', schedule_interval => INTERVAL '5 minutes', buckets_per_batch => 0);
SELECT add_retention_policy('formwork_1m_rollup', INTERVAL '3 years');

CREATE FUNCTION formwork_1m(device integer, from_ts timestamptz, to_ts timestamptz)
RETURNS TABLE (bucket timestamptz, n bigint, force_kn_n bigint, force_kn_avg double precision, force_kn_min real, force_kn_max real, settle_mm_n bigint, settle_mm_avg double precision, settle_mm_min real, settle_mm_max real, shift_x_mm_n bigint, shift_x_mm_avg double precision, shift_x_mm_min real, shift_x_mm_max real, shift_y_mm_n bigint, shift_y_mm_avg double precision, shift_y_mm_min real, shift_y_mm_max real, tilt_x_deg_n bigint, tilt_x_deg_avg double precision, tilt_x_deg_min real, tilt_x_deg_max real, tilt_y_deg_n bigint, tilt_y_deg_avg double precision, tilt_y_deg_min real, tilt_y_deg_max real)
LANGUAGE plpgsql VOLATILE SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT bucket, n,
        force_kn_n,
        force_kn_avg,
        force_kn_min,
        force_kn_max,
        settle_mm_n,
        settle_mm_avg,
        settle_mm_min,
        settle_mm_max,
        shift_x_mm_n,
        shift_x_mm_avg,
        shift_x_mm_min,
        shift_x_mm_max,
        shift_y_mm_n,
        shift_y_mm_avg,
        shift_y_mm_min,
        shift_y_mm_max,
        tilt_x_deg_n,
        tilt_x_deg_avg,
        tilt_x_deg_min,
        tilt_x_deg_max,
        tilt_y_deg_n,
        tilt_y_deg_avg,
        tilt_y_deg_min,
        tilt_y_deg_max
    FROM formwork_1m_rollup
    WHERE device_id = device AND bucket >= date_bin('1 minute', from_ts, TIMESTAMPTZ '2000-01-03 00:00:00+00') AND bucket < to_ts;
END
$$;

