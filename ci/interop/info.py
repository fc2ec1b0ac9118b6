"""info.py KIND SWIFT_DIR FILE... prints what swift-KIND-info prints of each FILE.

One process for all of them; a form feed ends each.
"""
import sys

from swift.cli.info import print_info, print_obj

kind, swift_dir = sys.argv[1:3]
sys.stdout.reconfigure(errors='surrogateescape')
for name in sys.argv[3:]:
    if kind == 'object':
        print_obj(name, swift_dir=swift_dir)
    else:
        print_info(kind, name, swift_dir=swift_dir)
    print('\f')
