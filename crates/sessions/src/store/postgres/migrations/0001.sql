CREATE TABLE doorward_records (
    kind       smallint NOT NULL,
    id         bytea    NOT NULL CHECK (octet_length(id) = 32),
    version    bigint   NOT NULL,
    expires_at bigint   NOT NULL,
    sealed     bytea    NOT NULL,
    PRIMARY KEY (kind, id)
);
COMMENT ON TABLE doorward_records IS 'Sealed records under hashed names; expires_at in milliseconds since 1970.';
-- What is sealed does not get smaller.
ALTER TABLE doorward_records ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE INDEX doorward_records_by_expiry ON doorward_records (expires_at);
