"""launch.py SWIFT_DIR PROGRAM ARGUMENT... runs one of Swift's own programs.

Swift looks for swift.conf, with the secret of the hash ring and the storage
policies, in /etc/swift alone, whatever swift_dir says. This points it to
SWIFT_DIR first and changes nothing else.
"""
import runpy
import sys

from swift.common import constraints, storage_policy, utils

if utils.SWIFT_CONF_FILE != sys.argv[1] + '/swift.conf':
    utils.set_swift_dir(sys.argv[1])
    storage_policy.reload_storage_policies()
    constraints.reload_constraints()
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name='__main__')
