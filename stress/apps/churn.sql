-- SPDX-License-Identifier: MIT
-- stress/apps/churn.sql - inserts into a database in memory, and queries that sort and group.
--
-- usage: sqlite3 :memory: -cmd ".parameter set :rows ROWS" ".read churn.sql"
--
-- The rows are made by the database itself, from a stateless hash of their numbers. Prints the
-- closing line that hakmem-sweep reads: ops= counts rows inserted, read and changed, checksum=
-- depends on ROWS alone.

CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, kind INTEGER, body TEXT);
INSERT INTO item
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
	SELECT i, printf('name-%d', i * 7919 % 1000003), i * 31 % 97,
		substr(hex(zeroblob(200)), 1, i * 13 % 300) FROM n;
CREATE INDEX item_name ON item (name);
CREATE TABLE total AS
	SELECT kind, count(*) AS n, sum(length(body)) AS bytes,
		length(group_concat(name)) AS names FROM item GROUP BY kind;
UPDATE item SET body = body || name WHERE kind % 3 = 0;
DELETE FROM item WHERE kind % 7 = 0;
CREATE TABLE ordered AS
	SELECT name, length(body) AS size FROM item ORDER BY size DESC, name LIMIT 1000;
SELECT printf('workload=sqlite ops=%d checksum=%d', :rows * 4,
	(SELECT sum(n * bytes + names) FROM total) + (SELECT sum(rowid * size) FROM ordered) +
	(SELECT count(*) FROM item));
