"""The rules, pure: text, data, now and a seed in — decisions out. No I/O, no clock, no randomness of its own."""
