"""The audit file of a gateway, read strictly, and what must hold of the records that its lines speak of."""

import collections
import json

from harness.checks import equal, require, until


class Audit:
    """The file of a case and its rotated ones."""

    def __init__(self, scene):
        self.path = scene.folder / "audit.jsonl"
        self.state_dir = scene.state_dir()

    def settings(self, **more):
        return {"state_dir": self.state_dir, "audit": {"path": str(self.path), **more}}

    def files(self):
        """Newest first."""
        rotated = sorted(self.path.parent.glob(self.path.name + ".*"), key=lambda path: int(path.suffix[1:]))
        return [self.path, *rotated]

    def inodes(self):
        """Which file each name stands for, oldest first."""
        return [(path, path.stat().st_ino) for path in reversed(self.files()) if path.exists()]

    def texts(self):
        """[(path, text)], oldest first, of files that were not renamed while they were read."""
        while True:
            try:
                before = self.inodes()
                texts = [(path, path.read_text()) for path, _ in before]
                if self.inodes() == before:
                    return texts
            except FileNotFoundError:
                pass  # moved by a rotation

    def lines(self):
        """Oldest first; a line that is no JSON or has no end is a fault."""
        lines = []
        for path, text in self.texts():
            require(not text or text.endswith("\n"), f"{path} ends within a line")
            lines += [json.loads(line) for line in text.splitlines()]
        return lines

    def wait(self, count):
        until(lambda: len(self.lines()) >= count, f"{count} lines in the audit file")
        equal(len(self.lines()), count, "lines in the audit file")
        return self.lines()


def requests_of(lines):
    """The request ids of the lines that tell how a request ended."""
    return [line["request_id"] for line in lines if line["kind"] == "request"]


def records_of(lines):
    """{ring: [sequence of each record that a line speaks of]}."""
    rings = {}
    for line in lines:
        records = line["attempts"] + ([line] if line["kind"] == "request" else [])
        for record in records:
            of_ring = rings.setdefault(line["ring"], [])
            of_ring.append(record["sequence"])
            if "model" in record or "provider_request_id" in record:
                of_ring.append(record["sequence"] - 1)  # the slot that brought the words
    return rings


def every_record_once(lines):
    """Every record that was pushed has its place in exactly one line."""
    for ring, sequences in records_of(lines).items():
        equal(sorted(sequences), list(range(len(sequences))), f"the records of ring {ring}")


def doubled(values):
    return [value for value, count in collections.Counter(values).items() if count > 1]
