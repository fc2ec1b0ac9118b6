"""Records what OpenStack Swift's own code makes of an object server's files.

See README.md for the command line.
"""
import itertools
import json
import os
import pickle
import random
import shutil
import struct
import sys
import tempfile
from unittest import mock

from swift.common import utils
from swift.common.header_key_dict import HeaderKeyDict
from swift.common.storage_policy import POLICIES
from swift.common.utils import Timestamp
from swift.obj import diskfile


class Quiet(object):
    def __getattr__(self, _):
        return lambda *a, **kw: None


NOW = 1790000000.0
OLD = NOW - 700000  # beyond the reclaim age
utils.HASH_PATH_SUFFIX = b'changeme'
utils.HASH_PATH_PREFIX = b''


def manager(root):
    return diskfile.DiskFileManager(
        {'devices': root, 'mount_check': 'false'}, Quiet())


def universe():
    for base in (OLD, NOW - 1000):
        for tick in (0, 1, 2):
            t = Timestamp(base + tick)
            for kind in ('.data', '.ts', '.meta'):
                yield t.internal + kind
            yield Timestamp(base + tick, offset=3).internal + '.data'
            yield Timestamp(base + tick, offset=3).internal + '.meta'
            for other in (-1, 0, 1, 2):
                yield diskfile.encode_timestamps(
                    t, Timestamp(base + tick + other), explicit=True) + '.meta'
            yield diskfile.encode_timestamps(
                Timestamp(base + tick, offset=2), t, explicit=True) + '.meta'


EXTRA = [
    '.1401811134.873649.data.Xy12ab', 'garbage', '1789999001.00000.durable',
    '1789999001.00000', '1789999001.00000#2#d.data', '1789999001.00000#1.data',
    'nan.data', '1e3.ts', '1789999001.5_2.data', '1789999001.00000_zz.data',
    '1789999001.00000+x.meta', '1789999001.00000+5+3.meta', '.data', '.meta',
    '-1.data', '1789999001.000000001.ts', '99999999999.ts', '1_000.5.data',
]


def cases():
    names = list(universe())
    rng = random.Random(20)
    for f in names + EXTRA:
        yield [[f]]
    fresh = [n for n in names if n > '1789']
    for pair in rng.sample(list(itertools.combinations(fresh, 2)), 50):
        yield [list(pair)]
    for n in (3, 4, 5, 6):
        for _ in range(22):
            yield [rng.sample(fresh, n)]
        for _ in range(12):
            yield [rng.sample(names + EXTRA, n)]
    for _ in range(24):
        yield [rng.sample(names, rng.randint(0, 4)) for _ in range(3)]
    yield []


def short(path):
    return os.path.basename(path) if path else None


def full(d):
    return {k: v for k, v in d.items() if v}


def ondisk():
    root = tempfile.mkdtemp()
    mgr = manager(root)
    out = []
    suffix = os.path.join(root, 'd1/objects/7/abc')
    for case in cases():
        shutil.rmtree(os.path.join(root, 'd1'), ignore_errors=True)
        os.makedirs(suffix)
        dirs = []
        for i, files in enumerate(case):
            files = sorted(set(files), reverse=True)
            hsh = '%029dabc' % i
            os.mkdir(os.path.join(suffix, hsh))
            for f in files:
                open(os.path.join(suffix, hsh, f), 'w').close()
            try:
                r = mgr.get_ondisk_files(files, '/x', verify=False)
            except Exception as err:
                dirs.append({'files': files, 'error': type(err).__name__})
                continue
            dirs.append(full({
                'files': files,
                'data': short(r['data_file']), 'meta': short(r['meta_file']),
                'ts': short(r['ts_file']), 'ctype': short(r['ctype_file']),
                'obsolete': sorted(i['filename'] for i in r.get('obsolete', [])),
                'reclaim': sorted(
                    i['filename'] for i in r.get('possible_reclaim', [])),
                'unexpected': sorted(
                    short(p) for p in r.get('unexpected', [])),
            }))
        try:
            with mock.patch('swift.obj.diskfile.time.time', lambda: NOW):
                digest = mgr._hash_suffix(suffix, POLICIES.legacy)
        except diskfile.PathNotDir:
            digest = None
        except Exception as err:
            digest = 'error ' + type(err).__name__
        for i, d in enumerate(dirs):
            left = os.path.join(suffix, '%029dabc' % i)
            d['left'] = sorted(os.listdir(left)) if os.path.isdir(left) else None
        out.append({'dirs': dirs, 'hash': digest})
    shutil.rmtree(root)
    return out


def hashes():
    root = tempfile.mkdtemp()
    out = []
    for table in (
            {'valid': True},
            {'valid': False, '00f': None},
            {'valid': True, 'abc': 'd41d8cd98f00b204e9800998ecf8427e',
             'abd': None, 'fff': '0123456789abcdef0123456789abcdef'}):
        with mock.patch('swift.obj.diskfile.time.time', lambda: NOW + .25):
            diskfile.write_hashes(root, dict(table))
        with open(os.path.join(root, 'hashes.pkl'), 'rb') as fp:
            out.append({'table': table, 'raw': fp.read().hex()})
    bad = []
    for value in (b'', b'garbage', pickle.dumps([1], 2), pickle.dumps({}, 2),
                  pickle.dumps({'abc': 'd41d8cd98f00b204e9800998ecf8427e'}, 2),
                  pickle.dumps({'valid': True, 'abcd': None}, 2),
                  pickle.dumps({'valid': True, b'abc': None}, 2),
                  pickle.dumps({'valid': True, 'xyz': None}, 2),
                  pickle.dumps({'valid': False, 'abc': None}, 2)):
        with open(os.path.join(root, 'hashes.pkl'), 'wb') as fp:
            fp.write(value)
        try:
            valid = diskfile.read_hashes(root)['valid']
        except Exception as err:
            valid = type(err).__name__
        bad.append({'raw': value.hex(), 'valid': valid})
    diskfile.invalidate_hash(os.path.join(root, 'abc'))
    diskfile.invalidate_hash(os.path.join(root, '00f'))
    with open(os.path.join(root, 'hashes.invalid'), 'rb') as fp:
        journal = fp.read().hex()
    shutil.rmtree(root)
    return {'written': out, 'read': bad, 'journal': journal}


def py2(d):
    """A pickle as Python 2 wrote it: str is BINSTRING."""
    out, memo = b'\x80\x02}q\x00(', 1
    for k, v in d.items():
        for s in (k, v):
            if len(s) < 256:
                out += b'U' + struct.pack('B', len(s)) + s
            else:
                out += b'T' + struct.pack('<I', len(s)) + s
            out += b'q' + struct.pack('B', memo)
            memo += 1
    return out + b'u.'


def metadata():
    stored = {}

    def setxattr(fd, key, value, *a):
        stored[key] = value

    def getxattr(fd, key, *a):
        if key not in stored:
            raise IOError(61, 'ENODATA')
        return stored[key]

    base = {'X-Timestamp': '1789999001.00000', 'Content-Type': 'text/plain',
            'Content-Length': '3', 'ETag': 'acbd18db4cc2f85cedef654fccc4a4d8'}
    sets = [
        dict(base, name='/a/c/o'),
        dict(base, **{'X-Object-Meta-Color': 'bl\xc3\xa4u', 'name': '/a/c/\u65e5'}),
        dict(base, **{'X-Object-Meta-\xc3\xa9': '\xe2\x98\x83 \xff', 'name': '/a/c/\udcff'}),
        dict({'X-Timestamp': '1789999001.00000_0000000000000002'}, name='/a/c/o'),
        dict(base, **{'X-Object-Meta-Big': 'v' * 140000, 'name': '/a/c/o'}),
    ]
    out = []
    with mock.patch('swift.obj.diskfile.xattr.setxattr', setxattr), \
            mock.patch('swift.obj.diskfile.xattr.getxattr', getxattr):
        for md in sets:
            stored.clear()
            diskfile.write_metadata(1, md)
            long = any(len(v) > 4096 for v in stored.values())
            out.append({
                # header values are WSGI strings: one code point a byte
                'metadata': {
                    k.encode('latin1').hex(): (
                        v.encode('utf8', 'surrogateescape') if k == 'name'
                        else v.encode('latin1')).hex()
                    for k, v in md.items()} if not long else None,
                'xattrs': {k.decode(): (v if len(v) <= 4096 else
                                        utils.md5(v, usedforsecurity=False).hexdigest().encode()).hex()
                           for k, v in sorted(stored.items())},
                'sizes': {k.decode(): len(v) for k, v in sorted(stored.items())},
            })
        old = []
        for md in (
                {b'X-Timestamp': b'1389999001.00000', b'name': b'/a/c/o',
                 b'Content-Length': b'3'},
                {b'X-Timestamp': b'1389999001.00000',
                 b'name': b'/a/c/\xe6\x97\xa5',
                 b'X-Object-Meta-Color': b'bl\xc3\xa4u'},
                {b'X-Timestamp': b'1389999001.00000', b'name': b'/a/c/o',
                 b'X-Object-Meta-\xc3\xa9': b'\xff' * 300}):
            stored.clear()
            stored[diskfile.METADATA_KEY] = raw = py2(md)
            got = diskfile.read_metadata(1)
            old.append({'raw': raw.hex(), 'metadata': {
                k.encode('latin1').hex(): (
                    v.encode('utf8', 'surrogateescape') if k == 'name'
                    else v.encode('latin1')).hex()
                for k, v in got.items()}})
    return {'written': out, 'python2': old}


def updates():
    root = tempfile.mkdtemp()
    os.mkdir(os.path.join(root, 'd1'))
    mgr = manager(root)
    base = {'op': 'PUT', 'account': 'a', 'container': 'c', 'obj': 'o'}
    headers = HeaderKeyDict()
    for k, v in (('Referer', 'PUT http://x/d1/7/a/c/o'),
                 ('User-Agent', 'object-server 99'),
                 ('X-Content-Type', 'text/plain'),
                 ('X-Etag', 'acbd18db4cc2f85cedef654fccc4a4d8'),
                 ('X-Size', '3'), ('X-Timestamp', '1789999001.00000')):
        headers[k] = v
    unicode_headers = HeaderKeyDict()
    unicode_headers['X-Content-Type'] = 'text/pl\xc3\xa4in'
    sets = [
        dict(base, headers=headers, db_state=None),
        dict(base, op='DELETE', obj='\u65e5', headers=unicode_headers,
             db_state='unsharded'),
        dict(base, headers=headers, db_state='sharded',
             container_path='.shards_a/c-1', successes=[0, 2],
             redirect_history=['.shards_a/c-0', '-'.join(['.shards_a/c', '1'])]),
    ]
    out = []
    for data in sets:
        mgr.pickle_async_update('d1', 'a', 'c', data['obj'], data,
                                '1789999001.00000', POLICIES.legacy)
        for d, _, files in os.walk(os.path.join(root, 'd1/async_pending')):
            for f in files:
                with open(os.path.join(d, f), 'rb') as fp:
                    out.append({
                        'path': os.path.relpath(os.path.join(d, f), root),
                        'raw': fp.read().hex()})
                os.unlink(os.path.join(d, f))
    shutil.rmtree(root)
    return out


if __name__ == '__main__':
    for name in sys.argv[2:] or ('ondisk', 'hashes', 'metadata', 'updates'):
        record = globals()[name]
        with open(os.path.join(sys.argv[1], record.__name__ + '.json'), 'w') as fp:
            data = record()
            if isinstance(data, list):
                fp.write('[\n' + ',\n'.join(
                    json.dumps(d, sort_keys=True) for d in data) + '\n]\n')
            else:
                json.dump(data, fp, indent=1, sort_keys=True)
                fp.write('\n')
