"""dump.py DEVICE prints what is on a device as JSON: path of file -> content.

Attributes, pickles and JSON are given as values, for the order of their keys
means nothing; databases as schema and rows. Permissions are those of the files
of databases: of objects upstream's have what os.open defaults to (0755), ours
the 0600 that it gives where it has to name them. What chance or the clock decides
(ids, row numbers, process numbers, times of creation) is left out.
"""
import base64
import hashlib
import json
import os
import pickle
import re
import sqlite3
import sys

CHANCE = {'id', 'created_at'}  # of the table that describes a database
ORDER = {'ROWID'}  # in which pending rows were merged


def text(v):
    if isinstance(v, bytes):
        return v.decode('latin1')
    if isinstance(v, dict):
        return {str(text(k)): text(x) for k, x in sorted(v.items(), key=str)}
    if isinstance(v, (list, tuple)):
        return [text(x) for x in v]
    return v


def attributes(path):
    raw = b''
    for i in range(1000):
        key = 'user.swift.metadata' + (str(i) if i else '')
        try:
            raw += os.getxattr(path, key)
        except OSError:
            break
    if not raw:
        return None
    names = sorted(n for n in os.listxattr(path) if n.startswith('user.'))
    check = os.getxattr(path, 'user.swift.metadata_checksum')
    return {'names': names, 'checksum': check == hashlib.md5(raw).hexdigest().encode(),
            'value': text(pickle.loads(raw, encoding='bytes'))}


def database(path):
    db = sqlite3.connect('file:%s?mode=ro' % path, uri=True)
    db.create_function('chexor', 3, lambda *a: None)
    db.row_factory = sqlite3.Row
    out = {'schema': {}, 'rows': {}, 'page_size': db.execute('PRAGMA page_size').fetchone()[0],
           'auto_vacuum': db.execute('PRAGMA auto_vacuum').fetchone()[0],
           'journal': db.execute('PRAGMA journal_mode').fetchone()[0]}
    for r in db.execute('SELECT type, name, tbl_name, sql FROM sqlite_master'):
        sql = re.sub(r'\s+', ' ', r['sql'] or '').replace(' (', '(').replace('( ', '(').replace(' )', ')')
        out['schema']['%s %s' % (r['type'], r['name'])] = sql.strip().rstrip(';').strip().lower()
        if r['type'] != 'table' or r['name'] == 'sqlite_sequence':
            continue
        drop = CHANCE if r['name'].endswith(('_stat', '_info')) else ORDER
        out['rows'][r['name']] = sorted((
            {k: json.loads(x[k]) if k == 'metadata' and x[k] else text(x[k]) for k in x.keys() if k not in drop}
            for x in db.execute('SELECT * FROM "%s"' % r['name'])), key=str)
    return out


def content(path):
    name = os.path.basename(path)
    with open(path, 'rb') as f:
        raw = f.read()
    if name.endswith('.db'):
        return database(path)
    if name == 'hashes.invalid':
        return {'suffixes': sorted(set(raw.decode().split()))}
    if name == 'hashes.pkl':
        v = text(pickle.loads(raw, encoding='bytes'))
        v.pop('updated', None)
        return {'value': v}
    if '/async_pending' in path:
        v = text(pickle.loads(raw, encoding='bytes'))
        v['headers'].pop('User-Agent', None)
        v.pop('db_state', None)  # newer than these packages
        return {'value': v}
    if name.endswith('.pending'):
        return {'rows': [text(pickle.loads(base64.b64decode(x), encoding='bytes')) for x in raw.split(b':') if x]}
    return {'md5': hashlib.md5(raw).hexdigest(), 'size': len(raw), 'attributes': attributes(path)}


root = sys.argv[1]
out = {}
for at, dirs, names in os.walk(root):
    for n in names:
        path = os.path.join(at, n)
        v = content(path)
        if isinstance(v, dict) and not os.path.relpath(path, root).startswith(('objects', 'async_pending')):
            v['mode'] = oct(os.stat(path).st_mode & 0o777)
        out[os.path.relpath(path, root)] = v
json.dump(out, sys.stdout)
