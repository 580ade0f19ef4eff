-- A bulk insert, an index build, queries that sort, join, group and match, updates and deletes, VACUUM.
PRAGMA journal_mode = WAL;
PRAGMA threads = 2;
PRAGMA cache_size = -4000;
CREATE TABLE item(id INTEGER PRIMARY KEY, k INTEGER, name TEXT, body TEXT, weight REAL);
BEGIN;
WITH RECURSIVE n(i, x) AS (SELECT 1, 1 UNION ALL SELECT i + 1, (x * 69069 + 12345) % 4294967296 FROM n WHERE i < 80000)
INSERT INTO item SELECT i, x % 5000, printf('name-%06d', x % 100000), substr(hex(x * x), 1, x % 60), x / 7.0 FROM n;
COMMIT;
CREATE INDEX item_k ON item(k, name);
CREATE UNIQUE INDEX item_name ON item(name, id);
ANALYZE;
SELECT count(*), sum(length(body)), round(avg(weight), 3) FROM item;
SELECT k, count(*), min(name), max(body) FROM item GROUP BY k HAVING count(*) > 20 ORDER BY 2 DESC, 1 LIMIT 5;
SELECT count(*) FROM item a JOIN item b ON a.k = b.k AND a.id < b.id WHERE a.k < 300;
SELECT name, row_number() OVER (PARTITION BY k ORDER BY weight) AS r FROM item WHERE k IN (1, 2, 3) ORDER BY r DESC, name LIMIT 5;
SELECT length(group_concat(name)) FROM (SELECT name FROM item ORDER BY body, id);
SELECT count(*) FROM item WHERE body LIKE '%F00%' OR name GLOB '*99[0-4]';
UPDATE item SET body = body || body || name WHERE k % 3 = 0;
DELETE FROM item WHERE k % 5 = 1;
SELECT json_group_array(k) FROM (SELECT DISTINCT k FROM item ORDER BY k LIMIT 20);
VACUUM;
PRAGMA integrity_check;
