"""hotjournal.py DB dies in the middle of a transaction that has reached DB.

With a cache of one page SQLite writes pages to the database before the
commit; the journal that undoes them stays behind.
"""
import os
import sqlite3
import sys

db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.create_function('chexor', 3, lambda old, name, stamp: old or '0' * 32)
db.execute('PRAGMA cache_size = 1')
db.execute('PRAGMA cache_spill = 1')
db.execute('BEGIN IMMEDIATE')
for i in range(2000):
    db.execute('INSERT INTO object (name, created_at, size, content_type, etag, deleted, storage_policy_index) '
               'VALUES (?, ?, 1, "x", "y", 0, 0)', ('torn-%d' % i, '1700009999.00000'))
os._exit(0)
