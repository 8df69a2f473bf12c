#!/usr/bin/env python3
"""Checks config/prices.json; run by hand after a change of prices. Prints one line per fault, exits 1 on any.

  shape      known keys only, whole picodollars, one row a line
  names      no name of a provider twice, aliases and unpriced ones included
  sense      output costs no less than input, cached input no more, writing a cache no less
             (exceptions exist: they are printed as notes, not faults)
"""
import json, sys
from pathlib import Path

RATES = {"input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_in", "audio_cached", "image_in", "output",
         "reasoning", "audio_out", "image_out", "thinking_output", "request"}
ROW = RATES | {"provider", "model", "aliases", "tiers", "schedule", "source"}
TIER = RATES | {"above"}
PERIOD = RATES | {"from", "to", "since"}
TOP = {"format", "as_of", "unit", "sources", "service_tiers", "unpriced", "models"}


def faults(table, text):
    yield from (f"unknown key {key}" for key in table.keys() - TOP)
    seen = set(table["unpriced"])
    for row in table["models"]:
        name = f"{row['provider']}/{row['model']}"
        parts = [(row, ROW)] + [(t, TIER) for t in row.get("tiers", [])] + [(p, PERIOD) for p in row.get("schedule", [])]
        for part, known in parts:
            yield from (f"{name}: unknown key {key}" for key in part.keys() - known)
            yield from (f"{name}: {key} is no whole number of picodollars" for key in part.keys() & RATES
                        if type(part[key]) is not int or part[key] < 0)
        if not 0 <= row.get("source", -1) < len(table["sources"]):
            yield f"{name}: no source"
        for model in [row["model"]] + row.get("aliases", []):
            full = f"{row['provider']}/{model}"
            if full in seen:
                yield f"{full}: stands in it twice"
            seen.add(full)
        if "  " + json.dumps(row, separators=(", ", ": ")) not in text:
            yield f"{name}: not on a line of its own in the usual spelling"


def notes(table):
    for row in table["models"]:
        name, base = f"{row['provider']}/{row['model']}", row["input"]
        if row.get("output", base) < base:
            yield f"{name}: output is cheaper than input"
        if row.get("cache_read", base) > base:
            yield f"{name}: cached input is dearer than input"
        if row.get("cache_write_5m", base) < base:
            yield f"{name}: writing a cache is cheaper than input"


path = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "config/prices.json")
text = path.read_text(encoding="utf-8")
table = json.loads(text)
found = list(faults(table, text))
for line in notes(table):
    print(f"note: {line}")
for line in found:
    print(line)
print(f"{len(table['models'])} rows as of {table['as_of']}, {len(found)} faults")
sys.exit(1 if found else 0)
