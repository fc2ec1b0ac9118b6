import json, os, random, shutil, sys, tempfile
from swift.common.utils import Timestamp
from swift.container.backend import ContainerBroker
from swift.account.backend import AccountBroker

rng = random.Random(4)
root = tempfile.mkdtemp()
names = set(['\x00r', '\x00r/a', 'a', 'a/', 'a/b', 'a/b/c', 'a/b/', 'a//b', '/', '//', '/a', '\u00e9/x', '\u00e9', 'z\U0001f600/1'])
while len(names) < 90:
    names.add(''.join(rng.choice('ab/c.\u00e9') for _ in range(rng.randrange(1, 7))))
names = sorted(names)
T = Timestamp(1700000000).internal
c = ContainerBroker(os.path.join(root, 'sda/containers/7/abc/c/c.db'), account='a', container='c'); c.initialize(T, 0)
a = AccountBroker(os.path.join(root, 'sda/accounts/7/abc/a/a.db'), account='a'); a.initialize(T)
for n in names:
    c.put_object(n, T, 1, 'text/plain', 'e'); a.put_container(n, T, '0', 1, 1, 0)

def word(k): return ''.join(rng.choice('ab/c.\u00e9') for _ in range(rng.randrange(1, k)))
cases = []
for _ in range(900):
    o = {'limit': rng.choice([1, 2, 3, 7, 1000]), 'reverse': rng.random() < .5, 'allow_reserved': rng.random() < .3,
         'marker': rng.choice(['', '', word(4), rng.choice(names)]), 'end_marker': rng.choice(['', '', word(4), rng.choice(names)]),
         'prefix': rng.choice(['', '', word(3)]), 'delimiter': rng.choice(['', '/', '/', 'a', '//', 'b/', '\u00e9']), 'path': None}
    if rng.random() < .25: o['path'] = rng.choice(['', 'a', 'a/', 'a/b', '/', word(4)])
    args = (o['limit'], o['marker'], o['end_marker'], o['prefix'] or None, o['delimiter'] or None)
    res = [r[0] for r in c.list_objects_iter(*args, path=o['path'], reverse=o['reverse'], allow_reserved=o['allow_reserved'])]
    case = dict(o, objects=res)
    if o['path'] is None:
        case['containers'] = [r[0] for r in a.list_containers_iter(*args, reverse=o['reverse'], allow_reserved=o['allow_reserved'])]
    cases.append(case)
json.dump({'names': names, 'cases': cases}, open(sys.argv[1], 'w'), separators=(',', ':'), sort_keys=True)
shutil.rmtree(root)
