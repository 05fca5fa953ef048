"""
The durable path: broker → items → one transaction → acknowledgement → receipt.

Nothing is acknowledged before it is committed; what cannot be understood is quarantined with its reason and then
acknowledged; a device may forget a frame only after our receipt.

- `intake`: messages into items. Pure.
- `pace`: when to commit. Pure.
- `receipts`: who is due a receipt. Pure.
- `lane`: the shell around one durable session: take, store, acknowledge.
- `service`: three lanes (live, late, log), receipts, metrics.
"""
