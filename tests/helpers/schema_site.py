"""A record with something of everything, for whoever asks all that the API has."""

import json
from datetime import timedelta

import psycopg

from telemetry.clock import to_ms, utc_now
from telemetry.settings import DatabaseSettings


def fill(settings: DatabaseSettings) -> None:
    """Site demo with crane crane-1 and post post-01 of the last hour, an alarm, a contact, a duty, an account."""
    now = utc_now()
    with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("INSERT INTO organisation (name) VALUES ('示范总包')")
        connection.execute(
            "INSERT INTO site (site, display_name, organisation) VALUES ('demo', '示范工地', '示范总包')"
        )
        for kind, device in (("crane", "crane-1"), ("formwork", "post-01")):
            connection.execute("INSERT INTO device (site, kind, device) VALUES ('demo', %s, %s)", (kind, device))
        connection.execute("INSERT INTO device_boot (device_id, boot_no, boot) VALUES (1, 1, 'boot-0001')")
        connection.execute(
            "INSERT INTO frame_ledger (device_id, boot_no, stored) VALUES (1, 1, '{[1,900),[910,3601)}')"
        )
        connection.execute(
            "INSERT INTO reading_crane (device_id, ts, received_at, boot_no, seq, i, invalid, load_t, wind_mps)"
            " SELECT 1, at, at, 1, n, 0, 0, n %% 5, 3 FROM generate_series(1, 3600) n,"
            " LATERAL (SELECT %s::timestamptz + n * interval '1 s' AS at) a WHERE n NOT BETWEEN 900 AND 909",
            (now - timedelta(hours=1),),
        )
        connection.execute(
            "INSERT INTO seq_mark (device_id, boot_no, seq, ts_ms, received_at)"
            " SELECT 1, 1, seq, extract(epoch FROM ts) * 1000, ts FROM reading_crane WHERE seq % 600 IN (0, 1)"
        )
        payload = {
            "id": "3f0c9a1be2d44f10", "site": "demo", "kind": "crane", "device": "crane-1", "rule": "moment",
            "signal": "raise", "previous": "normal", "state": "unacknowledged", "severity": 3,
            "at": to_ms(now) - 60_000, "cause": {"boot": "boot-0001", "seq": 3500, "i": 0}, "life_safety": True,
            "text": {"zh": "超载", "en": "OVERLOAD"},
        }  # fmt: skip
        connection.execute(
            "INSERT INTO transition (id, device_id, rule, signal, previous, state, severity, at_ms, observed, origin,"
            " life_safety, payload) VALUES (%s, 1, 'moment', 'raise', 'normal', 'unacknowledged', 3, %s, false, 'live',"
            " true, %s)",
            (payload["id"], payload["at"], json.dumps(payload)),
        )
        connection.execute(
            "INSERT INTO alarm (device_id, rule, transition_id, state, severity, at_ms, since_ms, life_safety, payload)"
            " VALUES (1, 'moment', %s, 'unacknowledged', 3, %s, %s, true, %s)",
            (payload["id"], payload["at"], payload["at"], json.dumps(payload)),
        )
        lift = {"start": payload["at"], "end": to_ms(now), "load_t": 2.5, "load_pct": 60.0, "hook_m": [1.0, 9.0]}
        connection.execute(
            "INSERT INTO work_cycle (device_id, id, ts_ms, data, received_at, origin, load_pct)"
            " VALUES (1, 'w1', %s, %s, now(), 'live', 60)",
            (to_ms(now), json.dumps(lift)),
        )
        channels = [{"name": "hook", "means": "hook", "url": "json://host/secret"}]
        connection.execute(
            "INSERT INTO contact (site, contact, name, language, channels) VALUES ('demo', 'wang', '王工', 'zh', %s)",
            (json.dumps(channels),),
        )
        connection.execute(
            "INSERT INTO duty (site, contact, role, begins_at, ends_at, shift)"
            " VALUES ('demo', 'wang', 'safety_officer', now() - interval '1 day', now() + interval '1 day', 'all')"
        )
        connection.execute(
            "INSERT INTO app_user (login, display_name, organisation) VALUES ('li.na', '李娜', '示范总包')"
        )
        connection.execute("INSERT INTO app_grant (user_id, role, site) VALUES (1, 'safety_officer', 'demo')")
