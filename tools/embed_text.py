#!/usr/bin/env python3
"""Writes a header that holds a text file as a constant: embed_text.py FILE HEADER NAMESPACE NAME.

The text stands in pieces, because the standard promises no longer literal than 64 KiB.
"""
import sys

PIECE = 8192
DELIMITER = "embedded"

source, header, namespace, name = sys.argv[1:]
with open(source, encoding="utf-8", newline="") as file:
    text = file.read()
if f"){DELIMITER}\"" in text:
    sys.exit(f"{source}: holds the delimiter of the literal")
pieces = [text[i:i + PIECE] for i in range(0, len(text), PIECE)]
with open(header, "w", encoding="utf-8", newline="") as out:
    out.write(f"// Written at build time.\n#pragma once\n\n#include <string_view>\n\nnamespace {namespace} {{\n\n")
    out.write(f"inline constexpr std::string_view {name} =\n")
    out.write("\n".join(f'R"{DELIMITER}({piece}){DELIMITER}"' for piece in pieces) + ";\n")
    out.write(f"\n}}  // namespace {namespace}\n")
