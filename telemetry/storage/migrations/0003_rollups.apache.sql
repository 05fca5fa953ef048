-- One-minute rollups, read through functions of one signature in every edition; the bound on ts is inside.
-- Readings marked invalid do not count. Buckets start where date_bin and time_bucket agree: 2000-01-03.
-- Minutes are whole, all that touch [from_ts, to_ts): a rollup has no halves, so no edition answers with half a minute.
CREATE FUNCTION crane_1m(device integer, from_ts timestamptz, to_ts timestamptz)
RETURNS TABLE (bucket timestamptz, n bigint, load_t_n bigint, load_t_avg double precision, load_t_min real, load_t_max real, radius_m_n bigint, radius_m_avg double precision, radius_m_min real, radius_m_max real, hook_m_n bigint, hook_m_avg double precision, hook_m_min real, hook_m_max real, slew_deg_n bigint, slew_deg_avg double precision, slew_deg_min real, slew_deg_max real, wind_mps_n bigint, wind_mps_avg double precision, wind_mps_min real, wind_mps_max real, tilt_x_deg_n bigint, tilt_x_deg_avg double precision, tilt_x_deg_min real, tilt_x_deg_max real, tilt_y_deg_n bigint, tilt_y_deg_avg double precision, tilt_y_deg_min real, tilt_y_deg_max real, rated_load_t_n bigint, rated_load_t_avg double precision, rated_load_t_min real, rated_load_t_max real)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT date_bin('1 minute', ts, TIMESTAMPTZ '2000-01-03 00:00:00+00') AS bucket, count(*) AS n,
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
    WHERE device_id = device AND ts >= date_bin('1 minute', from_ts, TIMESTAMPTZ '2000-01-03 00:00:00+00')
        AND ts < date_bin('1 minute', to_ts + INTERVAL '59.999999 seconds', TIMESTAMPTZ '2000-01-03 00:00:00+00')
    GROUP BY 1
$$;

CREATE FUNCTION formwork_1m(device integer, from_ts timestamptz, to_ts timestamptz)
RETURNS TABLE (bucket timestamptz, n bigint, force_kn_n bigint, force_kn_avg double precision, force_kn_min real, force_kn_max real, settle_mm_n bigint, settle_mm_avg double precision, settle_mm_min real, settle_mm_max real, shift_x_mm_n bigint, shift_x_mm_avg double precision, shift_x_mm_min real, shift_x_mm_max real, shift_y_mm_n bigint, shift_y_mm_avg double precision, shift_y_mm_min real, shift_y_mm_max real, tilt_x_deg_n bigint, tilt_x_deg_avg double precision, tilt_x_deg_min real, tilt_x_deg_max real, tilt_y_deg_n bigint, tilt_y_deg_avg double precision, tilt_y_deg_min real, tilt_y_deg_max real)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT date_bin('1 minute', ts, TIMESTAMPTZ '2000-01-03 00:00:00+00') AS bucket, count(*) AS n,
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
    WHERE device_id = device AND ts >= date_bin('1 minute', from_ts, TIMESTAMPTZ '2000-01-03 00:00:00+00')
        AND ts < date_bin('1 minute', to_ts + INTERVAL '59.999999 seconds', TIMESTAMPTZ '2000-01-03 00:00:00+00')
    GROUP BY 1
$$;

