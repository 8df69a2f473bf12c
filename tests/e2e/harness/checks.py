"""Checks, and waits that end: a case polls for what it expects, and a deadline that only a failure reaches
keeps it from hanging on a slow machine."""

import time

WAIT_S = 30.0  # for things that normally take milliseconds


class Failed(AssertionError):
    """A case found something else than it expected."""


class Skipped(Exception):
    """This machine cannot run the case, and why."""


def shorten(value, limit=1200):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def require(condition, what):
    if not condition:
        raise Failed(what)


def equal(actual, expected, what):
    if actual != expected:
        raise Failed(f"{what}:\n  is       {shorten(actual)}\n  expected {shorten(expected)}")


def contains(text, part, what):
    if part not in text:
        raise Failed(f"{what}: {shorten(part)} is missing in\n{shorten(text, 4000)}")


def lacks(text, part, what):
    if part in text:
        raise Failed(f"{what}: {shorten(part)} should not be in\n{shorten(text, 4000)}")


def until(condition, what, seconds=WAIT_S):
    """Polls until the condition is true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"{what}: still not so after {seconds:.0f} s (last: {shorten(value)})")
        time.sleep(0.01)
