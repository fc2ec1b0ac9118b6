"""ringdump.py RING prints a line for each partition: "primary,…|handoff,…"."""
import sys

from swift.common.ring import Ring

ring = Ring(sys.argv[1])
for part in range(ring.partition_count):
    print('%s|%s' % (','.join(str(d['id']) for d in ring.get_part_nodes(part)),
                     ','.join(str(d['id']) for d in ring.get_more_nodes(part))))
