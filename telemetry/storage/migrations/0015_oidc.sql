-- Who somebody is at another place that says so (OpenID Connect). The first sign-in ties a subject to an account; from
-- then on the subject counts, and not the name: a name may be given to somebody else there.
CREATE TABLE login_identity (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id integer NOT NULL REFERENCES app_user,
    linked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject),
    UNIQUE (issuer, user_id)
);
