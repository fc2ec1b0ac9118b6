"""Runs shapes.json with upstream's ring builder and prints golden.json."""
import hashlib
import json
import sys
import time

from swift.common.ring import builder as module

START = 1700000000
now = START
module.time = lambda: now


def placement(b):
    digest = hashlib.sha256()
    for row in b._replica2part2dev:
        digest.update(b''.join(d.to_bytes(2, 'big') for d in row))
    return digest.hexdigest()


def add(b, g):
    for h in range(g['hosts']):
        for d in range(g['devices']):
            b.add_dev({'region': g['region'], 'zone': g['zone'], 'port': 6200,
                       'ip': '10.%d.%d.%d' % (g['region'], g['zone'],
                                              g['first'] + h),
                       'device': 'd%d' % d, 'weight': g['weight']})


def run(shape):
    global now
    now = START
    b = module.RingBuilder(shape['part_power'], float(shape['replicas']),
                           shape['min_part_hours'])
    for step in shape['steps']:
        (what, value), = step.items()
        if what == 'add':
            add(b, value)
        elif what == 'weight':
            b.set_dev_weight(value['id'], float(value['to']))
        elif what == 'remove':
            b.remove_dev(value)
        elif what == 'replicas':
            b.set_replicas(float(value))
        elif what == 'overload':
            b.set_overload(value)
        elif what == 'hours':
            now += 3600 * value
        else:
            began = time.monotonic()
            changed, balance, removed = b.rebalance(seed=value)
            yield {'placement': placement(b), 'changed': changed,
                   'balance': balance, 'removed': removed,
                   'dispersion': b.dispersion,
                   'seconds': round(time.monotonic() - began, 3)}


shapes = json.load(open(sys.argv[1]))
skip_slow = len(sys.argv) > 2
json.dump({s['name']: list(run(s)) for s in shapes
           if not (skip_slow and s.get('slow'))}, sys.stdout, indent=1)
