import json, os, random, shutil, sys, tempfile, itertools
from swift.common.utils import Timestamp, encode_timestamps, ShardRange
from swift.container.backend import ContainerBroker
from swift.account.backend import AccountBroker

out = sys.argv[1]
T = lambda n, off=0: Timestamp(1700000000 + n, offset=off)
root = tempfile.mkdtemp(); n = itertools.count()

def path(kind):
    p = os.path.join(root, 'sda', kind, '7', 'abc', '%032x' % next(n)); os.makedirs(p)
    return os.path.join(p, os.path.basename(p) + '.db')

def rows(b, table, cols):
    with b.get() as c:
        return [list(r) for r in c.execute('SELECT %s FROM %s ORDER BY name, storage_policy_index' % (cols, table))]

def stats(b):
    with b.get() as c:
        return [list(r) for r in c.execute('SELECT * FROM policy_stat ORDER BY storage_policy_index')]

def obj(rng, name):
    data = T(rng.randrange(4), rng.choice([0, 0, 0, 1, 0x1f]))
    ct = T(rng.randrange(4)); mt = T(rng.randrange(4))
    form = rng.randrange(5)
    it = {'name': name, 'created_at': data.internal, 'size': rng.choice([0, 7, 10 ** 11]),
          'content_type': rng.choice(['text/plain', 'a/b;swift_bytes=5', 'a/b; charset=x;swift_bytes=77', 'c/d; q="a;b"']),
          'etag': 'e%d' % rng.randrange(9), 'deleted': 0, 'storage_policy_index': rng.choice([0, 0, 0, 1]),
          'ctype_timestamp': None, 'meta_timestamp': None}
    if form == 1: it['ctype_timestamp'] = ct.internal
    if form == 2: it['meta_timestamp'] = mt.internal
    if form == 3: it['ctype_timestamp'] = ct.internal; it['meta_timestamp'] = mt.internal
    if form == 4: it.update(size=0, content_type='application/deleted', etag='noetag', deleted=1)
    if rng.randrange(6) == 0:
        a = T(0); it['created_at'] = encode_timestamps(a, T(rng.randrange(3)), T(rng.randrange(4)))
        it['ctype_timestamp'] = it['meta_timestamp'] = None
    return it

def cont(rng, name):
    # an updater leaves out nothing; None comes from old peers
    return {'name': name, 'put_timestamp': rng.choice([T(rng.randrange(4)).internal] * 5 + ['0', None]),
            'delete_timestamp': rng.choice([T(rng.randrange(4)).internal] * 3 + ['0', '0', None]),
            'object_count': rng.choice([0, 0, 3, 9]), 'bytes_used': rng.choice([0, 30]), 'deleted': rng.choice([0, 0, 1]),
            'storage_policy_index': rng.choice([0, 0, 1])}

def batches(rng, make, most):
    res = []
    for _ in range(rng.randrange(1, 4)):
        res.append([make(rng, rng.choice(['a', 'b', u'\u00e9', 'c/d'])) for _ in range(rng.randrange(1, most))])
    return res

cases = []
for seed in range(120):
    rng = random.Random(seed)
    most = 40 if seed % 10 == 0 else 6
    if seed % 3:
        b = ContainerBroker(path('containers'), account='a', container='c'); b.initialize(T(0).internal, 0)
        bs = batches(rng, obj, most); kind, table = 'container', 'object'
        cols = 'name, created_at, size, content_type, etag, deleted, storage_policy_index'
    else:
        b = AccountBroker(path('accounts'), account='a'); b.initialize(T(0).internal)
        bs = batches(rng, cont, most); kind, table = 'account', 'container'
        # the first update of a name carries everything
        seen = set()
        for it in itertools.chain(*bs):
            if it['name'] not in seen:
                it['put_timestamp'] = it['put_timestamp'] or '0'; it['delete_timestamp'] = it['delete_timestamp'] or '0'
            elif it['put_timestamp'] is None or it['delete_timestamp'] is None:
                it['put_timestamp'] = it['put_timestamp'] or '0'; it['delete_timestamp'] = it['delete_timestamp'] or '0'
            seen.add(it['name'])
        cols = 'name, put_timestamp, delete_timestamp, object_count, bytes_used, deleted, storage_policy_index'
    row = 0
    for batch in bs:
        for it in batch:
            row += 1; it['ROWID'] = row
    given = json.loads(json.dumps(bs))
    for batch in bs:
        b.merge_items(batch, 'remote')
    case = {'kind': kind, 'batches': given, 'rows': rows(b, table, cols), 'stats': stats(b), 'hash': b.get_info()['hash'],
            'sync': b.get_sync('remote')}
    cases.append(case)

shards = []
for seed in range(80):
    rng = random.Random(1000 + seed)
    b = ContainerBroker(path('containers'), account='a', container='c'); b.initialize(T(0).internal, 0)
    bs = []
    for _ in range(rng.randrange(1, 4)):
        batch = []
        for _ in range(rng.randrange(1, 5)):
            t = T(rng.randrange(2))
            sr = ShardRange('.shards_a/%s' % rng.choice(['x', 'y']), t, rng.choice(['', 'b']), rng.choice(['m', '']),
                            rng.randrange(3), rng.randrange(3), meta_timestamp=T(rng.randrange(3)), deleted=rng.choice([0, 0, 1]),
                            state=rng.choice([10, 20, 30, 40, 50, 60, 70, 80]), state_timestamp=T(rng.randrange(3)),
                            epoch=rng.choice([None, T(1)]), reported=rng.choice([0, 1]), tombstones=rng.choice([-1, 0, 5]))
            batch.append(dict(sr))
        bs.append(batch)
    given = json.loads(json.dumps(bs))
    for batch in bs:
        b.merge_shard_ranges(batch)
    shards.append({'batches': given, 'ranges': b.get_all_shard_range_data()})

json.dump({'merges': cases, 'shards': shards}, open(out, 'w'), indent=None, separators=(',', ':'), sort_keys=True)
shutil.rmtree(root)
