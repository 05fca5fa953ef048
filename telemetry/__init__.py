"""
The floor that every cranewatch service stands on: words, wire formats, and the doors to broker and database.

- `model`, `kinds`: the plant's words, and each kind of device declared once.
- `wire`: topics, frames and payloads; pure, used by every side of a message.
- `broker` (aiomqtt), and `consumer` on `packets` (mqtt5): the only importers of an MQTT client.
- `storage`: the only importer of psycopg.
- `settings`, `logs`, `tasks`, `clock`, `backoff`, `exposition`: what a service needs around its work.

It imports none of the services.
"""
