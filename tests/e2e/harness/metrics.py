"""The Prometheus text format, read strictly enough to notice what a scraper would refuse."""

import re

from harness.checks import Failed, require

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?[0-9.eE+-]+|[+-]Inf|NaN)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


class Metrics:
    def __init__(self, text):
        self.samples = {}
        self.types = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                require(name not in self.types, f"{name} has two TYPE lines")
                self.types[name] = kind
            elif line and not line.startswith("#"):
                self._add(line)

    def _add(self, line):
        match = SAMPLE.fullmatch(line)
        require(match, f"no sample: {line!r}")
        labels = match.group(2) or ""
        pairs = LABEL.findall(labels)
        require(len(LABEL.sub("", labels)) == 0, f"no labels: {line!r}")
        key = (match.group(1), tuple(sorted(pairs)))
        require(key not in self.samples, f"a sample stands twice: {line!r}")
        self.samples[key] = float(match.group(3))

    def value(self, name, **labels):
        """The sum over all samples of that name with at least these labels; None when there is none."""
        found = [value for (known, pairs), value in self.samples.items()
                 if known == name and set(labels.items()) <= set(pairs)]
        return sum(found) if found else None

    def labels(self, name):
        return [dict(pairs) for (known, pairs) in self.samples if known == name]

    def required(self, name, **labels):
        value = self.value(name, **labels)
        if value is None:
            raise Failed(f"there is no {name}{labels or ''}")
        return value
