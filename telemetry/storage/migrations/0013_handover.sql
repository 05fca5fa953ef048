-- The shift's handover as it was signed. `body` is the very text that the hash is of, so that a copy can be held
-- against it; `previous` is the hash of the one before at that site.
CREATE TABLE handover (
    handover_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site text NOT NULL REFERENCES site,
    begin_ms bigint NOT NULL,          -- what it looks back to: the sign-off before
    signed_ms bigint NOT NULL CHECK (signed_ms > begin_ms),
    signed_by text NOT NULL CHECK (btrim(signed_by) <> ''),
    organisation text,
    note text NOT NULL DEFAULT '',
    body text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex')),
    previous text,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX handover_previous ON handover (site, coalesce(previous, ''));  -- one follows one: no branches
CREATE INDEX handover_site ON handover (site, handover_id DESC);

CREATE FUNCTION handover_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a signed handover stays as it is: sign another one' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER handover_guard BEFORE UPDATE OR DELETE ON handover FOR EACH ROW EXECUTE FUNCTION handover_guard();
