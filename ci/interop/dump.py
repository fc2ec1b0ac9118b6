"""dump.py DEVICE prints what is on a device as JSON: path -> content.

Attributes, pickles and JSON are given as values, for the order of their keys
means nothing; databases as schema and rows. What chance or the clock decides
(ids, process numbers, times of creation) is left out.
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
        if r['type'] != 'table':
            continue
        drop = CHANCE if r['name'].endswith(('_stat', '_info')) else set()
        out['rows'][r['name']] = [
            {k: json.loads(x[k]) if k == 'metadata' and x[k] else text(x[k]) for k in x.keys() if k not in drop}
            for x in db.execute('SELECT rowid AS "#", * FROM "%s" ORDER BY rowid' % r['name'])]
    return out


def content(path):
    name = os.path.basename(path)
    with open(path, 'rb') as f:
        raw = f.read()
    if name.endswith('.db'):
        return database(path)
    if name == 'hashes.invalid':
        return {'suffixes': raw.decode()}
    if name == 'hashes.pkl':
        v = text(pickle.loads(raw, encoding='bytes'))
        v.pop('updated', None)
        return {'value': v}
    if '/async_pending' in path:
        v = text(pickle.loads(raw, encoding='bytes'))
        v['headers'].pop('User-Agent', None)
        return {'value': v}
    if name.endswith('.pending'):
        return [text(pickle.loads(base64.b64decode(x), encoding='bytes')) for x in raw.split(b':') if x]
    return {'md5': hashlib.md5(raw).hexdigest(), 'size': len(raw), 'attributes': attributes(path)}


root = sys.argv[1]
out = {}
for at, dirs, names in os.walk(root):
    for n in dirs:
        out[os.path.relpath(os.path.join(at, n), root) + '/'] = oct(os.stat(os.path.join(at, n)).st_mode & 0o777)
    for n in names:
        path = os.path.join(at, n)
        v = content(path)
        if isinstance(v, dict) and not n.endswith('.lock'):
            v['mode'] = oct(os.stat(path).st_mode & 0o777)
        out[os.path.relpath(path, root)] = v
json.dump(out, sys.stdout)
