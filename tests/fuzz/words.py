"""Pieces of expressions and templates, to be put together in any order."""

WORDS = [
    "items", "text", "count", "deep", "contact", "contact.plan", "trigger.data.items", "event.data.text", "x", "i",
    "now", ".", "[", "]", "(", ")", "{", "}", "{{", "}}", "{%", "%}", "'", '"', ",", ":", "?", "|", "+", "-", "*",
    "/", "%", "!", "==", "===", "!=", "<", ">=", "&&", "||", "AND", "OR", "NOT", "in", "has", "true", "null", "0",
    "1", "1e308", "9007199254740993", "0x1F", "1u", "'a'", '"\\u0000"', "r'\\'", "//", "\n", " ", "\\", "\x00",
    "\u2028", "\xe9", "\U0001f600", ".map(i, ", ".filter(i, ", ".all(i, ", ".exists(i, ", ".size()", ".length",
    ".replace('x', text)", ".split('')", ".join(',')", ".matches('(a+)+$')", "timestamp(", "duration('1h')",
    "math.greatest(", "string(", "int(", "dyn(", "if ", "for ", "endfor", "endif", "assign a = ", "capture a",
    "endcapture", "case ", "when ", "cycle 'a', 'b'", "raw", "endraw", "comment", "(1..9999)", "(1..count)",
    " | upcase", " | join: text", " | split: ''", " | replace: 'x', text", " | times: 9999", " | date: '%Y'",
    " | sort", " | map: 'name'", " | where: 'a'", " | default: x", " | truncate: 3", " | url_encode",
    " | concat: items", " | slice: -9, 99", " | divided_by: 0", "tablerow i in items", "endtablerow",
]  # fmt: skip
