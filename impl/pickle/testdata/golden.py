"""Writes golden.txt: "name protocol hex" of pickles made by CPython 3.

Run: python3 golden.py > golden.txt. The values are repeated in Go in
pickle_test.go.
"""
import pickle
import sys
import types

for name in ('swift', 'swift.common', 'swift.common.header_key_dict'):
    sys.modules[name] = types.ModuleType(name)


class HeaderKeyDict(dict):
    pass


HeaderKeyDict.__module__ = 'swift.common.header_key_dict'
sys.modules['swift.common.header_key_dict'].HeaderKeyDict = HeaderKeyDict


def fresh(value):
    """Equal strings become distinct objects, as they are in a server."""
    if isinstance(value, str):
        return value[:1] + value[1:] if len(value) > 1 else value
    if isinstance(value, bytes):
        return value.decode('utf8', 'surrogateescape').encode('utf8', 'surrogateescape')
    if isinstance(value, HeaderKeyDict):
        return HeaderKeyDict((fresh(k), fresh(v)) for k, v in value.items())
    if isinstance(value, dict):
        return {fresh(k): fresh(v) for k, v in value.items()}
    if isinstance(value, list):
        return [fresh(v) for v in value]
    if isinstance(value, tuple):
        return tuple(fresh(v) for v in value)
    return value


VALUES = {
    'metadata': {
        b'X-Timestamp': b'1700000000.12345', b'Content-Type': b'text/plain',
        b'Content-Length': b'5', b'ETag': b'5d41402abc4b2a76b9719d911017c592',
        b'X-Object-Meta-A': b'5', b'X-Object-Meta-B': b'', b'X-Object-Meta-C': b'',
        b'X-Object-Meta-D': 'caf\u00c3\u00a9'.encode('utf8'),
        b'X-Object-Meta-E': b'latin1', b'name': '/AUTH_test/c/\u65e5\u672c'.encode('utf8')},
    'tombstone': {b'X-Timestamp': b'1700000000.12345', b'name': b'/a/c/o'},
    'one': {b'name': b'/a/c/o'},
    'emptyfirst': {b'ab': b'', b'cd': b''},
    'large': {b'key-%d' % i: b'value-%d' % i for i in range(100)},
    'hashes': {'abc': '5d41402abc4b2a76b9719d911017c592', '07f': None,
               'valid': True, 'updated': 1700000000.25},
    'scalars': {
        'list': [1, 2, 3], 'none': [], 'single': [7], 't4': (1, 2, 3, 4), 't1': (1,),
        't0': (), 'neg': -5, 'big': 1 << 40, 'word': 300, 'int': 70000, 'min': -(1 << 31),
        'less': -(1 << 31) - 1, 'long128': 128 << 32, 'minus128': -(128 << 32), 'f': False, 'd': {}},
    'text': ['a', 'a', '\u00e9', '\u00e9', '\u4e2d', 'x\\y\n\r\0\x1a', '\udc80z', '\U0001f600', '', ''],
    'floats': [1e16, 1e-5, 0.0001, 123456789.0, 1e22, -0.0, 1700000000.25],
    'async': {
        'op': 'PUT', 'account': 'AUTH_test', 'container': 'c\u00f6', 'obj': 'o/1',
        'headers': HeaderKeyDict({
            'X-Size': '5', 'X-Content-Type': 'text/plain', 'X-Timestamp': '1700000000.12345',
            'X-Etag': '5d41402abc4b2a76b9719d911017c592', 'X-Trans-Id': 'tx1',
            'Referer': 'PUT http://127.0.0.1/sda1/1/a/c/o', 'X-Backend-Storage-Policy-Index': '0',
            'User-Agent': 'object-server 7'}),
        'db_state': None},
    'successes': {
        'op': 'DELETE', 'account': 'a1', 'container': 'c1', 'obj': 'o1',
        'headers': HeaderKeyDict({'X-Timestamp': '1700000000.12345'}), 'db_state': 'unsharded',
        'container_path': '.shards_a/c-1', 'successes': [0, 3], 'redirect_history': ['.shards_a/c-1']},
    'pending': ('o1', '1700000000.12345', 5, 'text/plain', '5d41402abc4b2a76b9719d911017c592', 0, 0, None, None),
    'manylist': list(range(2001)),
}

for name, value in VALUES.items():
    for protocol in (0, 2):
        print(name, protocol, pickle.dumps(fresh(value), protocol).hex())
