"""Tells the program that runs pytest how each test ended, and bounds each.

Writes a line to the descriptor APUS_RESULTS_FD when a test is over: outcome
(passed, failed or skipped), id and reason, with tabs between. A test that has
sub-tests, a setup and a teardown is as bad as the worst of them.
APUS_TEST_LIMIT is in seconds.
"""
import os
import signal

import pytest

_RESULTS = os.fdopen(int(os.environ['APUS_RESULTS_FD']), 'w', buffering=1)
_LIMIT = float(os.environ['APUS_TEST_LIMIT'])
_WORSE = ['passed', 'skipped', 'failed']
_ended = {}


class TooLong(Exception):
    pass


def _stop(_signal, _frame):
    raise TooLong('more than %g s' % _LIMIT)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item, nextitem):
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, _LIMIT)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


def _reason(report):
    crash = getattr(report.longrepr, 'reprcrash', None)
    if crash is not None:
        text = crash.message
    elif isinstance(report.longrepr, tuple):
        text = report.longrepr[2]
    else:
        text = str(report.longrepr or '')
    return ' '.join(text.split())[:300]


def pytest_runtest_logreport(report):
    outcome, reason = _ended.get(report.nodeid, ('passed', ''))
    if _WORSE.index(report.outcome) > _WORSE.index(outcome):
        outcome, reason = report.outcome, _reason(report)
    _ended[report.nodeid] = outcome, reason
    if report.when == 'teardown':
        _RESULTS.write('%s\t%s\t%s\n' % (outcome, report.nodeid, reason))
