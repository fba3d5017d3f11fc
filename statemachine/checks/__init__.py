"""What can be said of a definition before it runs: one small function per question, a file per kind of question."""
