-- What a site file says and no configuration carries: models, serial numbers, sensors, what commissioning measured. Of
-- people there is nothing in it: they have tables of their own. A version a change; only ever added to.
CREATE TABLE site_file (
    site text NOT NULL REFERENCES site,
    version integer NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (site, version)
);
