-- A suite that is being deleted is hidden at once and taken apart in small steps.
ALTER TABLE suites ADD COLUMN deleted BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX suites_deleted ON suites (id) WHERE deleted;
