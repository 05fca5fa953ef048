"""
The only importer of psycopg: where the record is kept.

- `door`: connections, and driver errors turned into ours.
- `pool`: the query pool of a service; `migrate`: the schema, in three editions.
- `copy`: numpy columns as binary COPY; `writer`: a batch in one transaction.
- one module a noun for reading it back.
"""
