-- Limit profiles as versioned data: proposed by one person, approved by another, published to sites. What comes with a
-- release is kept as well, so that what was judged by it can be judged again. No release has written here before.
DELETE FROM limit_profile;

ALTER TABLE limit_profile
    DROP CONSTRAINT limit_profile_pkey,
    ADD COLUMN packaged boolean NOT NULL DEFAULT false,
    ADD COLUMN hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),  -- of `body`: all that it says, its base resolved
    ADD COLUMN source text NOT NULL,      -- TOML, as it was proposed; a base that is not packaged is written out
    ADD COLUMN effective_ms bigint NOT NULL,
    ADD COLUMN proposed_by text NOT NULL CHECK (btrim(proposed_by) <> ''),
    ADD COLUMN approved_by text CHECK (btrim(approved_by) <> ''),
    ADD COLUMN approved_at timestamptz,
    ADD COLUMN why text,
    ADD PRIMARY KEY (name, version, hash),
    ADD CONSTRAINT limit_profile_approved CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    ADD CONSTRAINT limit_profile_two_persons CHECK (
        lower(regexp_replace(approved_by, '\s', '', 'g')) <> lower(regexp_replace(proposed_by, '\s', '', 'g'))
    );
ALTER TABLE limit_profile RENAME COLUMN created_at TO proposed_at;
CREATE UNIQUE INDEX limit_profile_version ON limit_profile (name, version) WHERE NOT packaged;

CREATE FUNCTION limit_profile_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'limit profile %/% stays: what was judged by it can be asked for', OLD.name, OLD.version
            USING ERRCODE = 'check_violation';
    ELSIF TG_OP = 'INSERT' THEN
        IF NOT NEW.packaged AND NEW.approved_by IS NOT NULL THEN
            RAISE EXCEPTION 'limit profile %/% is proposed first, and approved by another person', NEW.name, NEW.version
                USING ERRCODE = 'check_violation';
        ELSIF NOT NEW.packaged AND EXISTS (
            SELECT FROM limit_profile p WHERE p.name = NEW.name AND NOT p.packaged AND p.version >= NEW.version
        ) THEN
            RAISE EXCEPTION 'limit profile %/%: there is this version or a newer one, and versions never go back',
                NEW.name, NEW.version USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    ELSIF OLD.approved_by IS NOT NULL OR OLD.packaged THEN
        RAISE EXCEPTION 'limit profile %/% is approved and never changes: propose the next version', OLD.name, OLD.version
            USING ERRCODE = 'check_violation';
    ELSIF (NEW.name, NEW.version, NEW.hash, NEW.source, NEW.body, NEW.effective_ms, NEW.packaged, NEW.proposed_by,
           NEW.proposed_at)
        IS DISTINCT FROM (OLD.name, OLD.version, OLD.hash, OLD.source, OLD.body, OLD.effective_ms, OLD.packaged,
                          OLD.proposed_by, OLD.proposed_at) THEN
        RAISE EXCEPTION 'limit profile %/%: what was proposed can be approved and not changed', OLD.name, OLD.version
            USING ERRCODE = 'check_violation';
    ELSIF EXISTS (
        SELECT FROM limit_profile p
        WHERE p.name = NEW.name AND p.approved_by IS NOT NULL AND NOT p.packaged AND p.version > NEW.version
    ) THEN
        RAISE EXCEPTION 'limit profile %/%: a newer version is approved, and versions never go back',
            NEW.name, NEW.version USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER limit_profile_guard BEFORE INSERT OR UPDATE OR DELETE ON limit_profile
    FOR EACH ROW EXECUTE FUNCTION limit_profile_guard();

-- What was published to a site; its last row is what the broker has to hold.
CREATE TABLE site_profile (
    publication bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site text NOT NULL REFERENCES site,
    name text NOT NULL,
    version integer NOT NULL,
    hash text NOT NULL,
    published_by text NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (name, version, hash) REFERENCES limit_profile
);
CREATE INDEX site_profile_site ON site_profile (site, publication DESC);
