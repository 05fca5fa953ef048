-- Plain PostgreSQL: the tables stay as they are. BRIN finds a day without a second big index.
CREATE INDEX reading_crane_ts ON reading_crane USING brin (ts);
CREATE INDEX reading_formwork_ts ON reading_formwork USING brin (ts);
