-- What a review found that a person must hear of, as it is said on cw/v1/{site}/record.
ALTER TABLE review ADD COLUMN finding jsonb;
