"""
`cranewatch chaos`: a seeded campaign of faults against the real thing, and an audit that asks nobody whom it tests.

- `plan`: what happens when. Pure: the same seed, the same campaign.
- `boxes`: the devices and what they measure; pure. `fleet`: the same on the broker, with journals, in its own process.
- `stack`: Mosquitto, TimescaleDB and the services as processes. `proxy`: what stands between ingest and the database.
- `faults`: what each fault does. `watch`: how long it took to recover, how much memory it cost, how late alarms were.
- `audit`: the devices' journals against the database's rows, and the replay against the alarm log.
- `campaign` puts it together, `report` says what was found.
"""
