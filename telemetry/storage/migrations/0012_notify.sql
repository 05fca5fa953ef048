-- Who is told of an alarm, how it went up the ladder, what was sent, and what a terminal has said of it.

-- Receipts: a terminal has an alarm before it has painted it. `received_at`: by ingest's clock, as `shown` has it, so
-- that both ends of a chain are on one clock; NULL for what was recorded before this migration and for a review's.
ALTER TABLE transition ADD COLUMN received_at timestamptz;
ALTER TABLE shown
    ADD COLUMN stage text NOT NULL DEFAULT 'rendered' CHECK (stage IN ('delivered', 'rendered')),
    DROP CONSTRAINT shown_pkey,
    ADD PRIMARY KEY (device_id, transition_id, terminal, stage);
CREATE INDEX transition_rule ON transition (device_id, rule, position);

CREATE TABLE contact (
    site text NOT NULL REFERENCES site,
    contact text NOT NULL,
    name text NOT NULL,
    organisation text REFERENCES organisation,
    role text,
    language text NOT NULL CHECK (language IN ('zh', 'en', 'both')),
    login text,                               -- of app_user; a contact may be known before the account is
    quiet text[],                             -- begin and end, hours of the site's day
    channels jsonb NOT NULL,                  -- name, means, url: the urls hold tokens and are masked wherever they are shown
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, contact)
);

-- The ladders of a site; without a row the defaults hold.
CREATE TABLE notify_plan (
    site text PRIMARY KEY REFERENCES site,
    body jsonb NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE duty (
    duty_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site text NOT NULL,
    contact text NOT NULL,
    role text NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > begins_at),
    shift text NOT NULL CHECK (shift IN ('all', 'day', 'night')),
    UNIQUE (site, contact, role, begins_at, ends_at, shift),
    FOREIGN KEY (site, contact) REFERENCES contact
);
CREATE INDEX duty_site ON duty (site, ends_at);

-- What was recorded and not yet looked at by a notifier. A list and not a position to resume from: two writers commit
-- in another order than they number their rows, and a reader that had passed the higher number would never see the lower.
CREATE TABLE transition_news (
    position bigint PRIMARY KEY,
    added_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION transition_news() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transition_news (position) VALUES (NEW.position) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER transition_news AFTER INSERT ON transition
    FOR EACH ROW WHEN (NEW.origin = 'live') EXECUTE FUNCTION transition_news();
-- What the review had found before it was heard of live is news when it is.
CREATE TRIGGER transition_news_live AFTER UPDATE OF origin ON transition
    FOR EACH ROW WHEN (OLD.origin = 'review' AND NEW.origin = 'live') EXECUTE FUNCTION transition_news();

-- An alarm on its way up a ladder, from the transition that raised it until a person has it or it is over.
CREATE TABLE escalation (
    escalation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cause text NOT NULL UNIQUE,               -- that transition, or what a notifier observed itself
    site text NOT NULL REFERENCES site,
    device_id integer REFERENCES device,      -- NULL: of the site
    rule text NOT NULL,
    urgency text NOT NULL CHECK (urgency IN ('life_safety', 'alarm', 'supervised')),
    severity smallint NOT NULL,
    turn integer NOT NULL DEFAULT 0,          -- how often it has begun anew because it became worse
    transition_id text,                       -- whose words are sent
    raised_position bigint,                   -- the place of `cause` in the record
    attended boolean NOT NULL,                -- the desk is asked; else only a terminal has it
    active boolean NOT NULL,                  -- the condition holds
    began_at timestamptz NOT NULL,            -- steps are counted from here
    step integer NOT NULL DEFAULT 0,          -- the next one
    due_at timestamptz,                       -- of that; NULL: there is none
    render_due_at timestamptz,                -- a terminal should have rendered it by then
    unseen boolean NOT NULL DEFAULT false,    -- and none had
    spoken boolean NOT NULL DEFAULT false,    -- another alarm has been told instead of it
    nobody boolean NOT NULL DEFAULT false,    -- a step found nobody, and nobody has been told so
    told_at timestamptz,                      -- when people were told last
    ended_at timestamptz,
    ended_by text
);
CREATE UNIQUE INDEX escalation_open ON escalation (device_id, rule) WHERE ended_at IS NULL;
CREATE INDEX escalation_due ON escalation (least(due_at, render_due_at)) WHERE ended_at IS NULL;
CREATE INDEX escalation_site ON escalation (site, escalation_id);

-- What became of each step.
CREATE TABLE escalation_step (
    escalation_id bigint NOT NULL REFERENCES escalation,
    turn integer NOT NULL,
    step integer NOT NULL,
    at timestamptz NOT NULL,
    who text NOT NULL,                        -- as the ladder says it
    contacts text[] NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('told', 'nobody', 'spoken_for', 'summarised')),
    PRIMARY KEY (escalation_id, turn, step, who)
);

-- Written in the transaction that takes the news away. `key` comes from causes, so that nothing is written twice.
DROP TABLE outbox;
CREATE TABLE outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    site text NOT NULL,
    contact text NOT NULL,
    channel text NOT NULL,
    sort text NOT NULL CHECK (sort IN ('alarm', 'summary', 'undelivered', 'test')),
    escalation_id bigint REFERENCES escalation,
    life_safety boolean NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    last_error text,
    sent_at timestamptz,
    dead_at timestamptz,                      -- given up: a person has to look
    withdrawn_at timestamptz                  -- not needed any more: somebody has the alarm
);
CREATE INDEX outbox_due ON outbox (due_at) WHERE sent_at IS NULL AND dead_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX outbox_channel ON outbox (site, contact, channel, sent_at);
CREATE INDEX outbox_dead ON outbox (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX outbox_escalation ON outbox (escalation_id);

-- Each attempt at a message.
CREATE TABLE delivery (
    delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    outbox_id bigint NOT NULL REFERENCES outbox,
    at timestamptz NOT NULL DEFAULT now(),
    took_s real NOT NULL,
    gathered integer NOT NULL,                -- messages in it
    error text                                -- NULL: the channel has taken it
);
CREATE INDEX delivery_outbox ON delivery (outbox_id);

-- Whether the analyzer watches a site, as notifiers hear it.
CREATE TABLE site_heard (
    site text PRIMARY KEY REFERENCES site,
    heard_at timestamptz NOT NULL,
    lost_at timestamptz
) WITH (fillfactor = 50);
