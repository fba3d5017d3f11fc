"""The doing: the imperative shell around the rules. Every way in becomes a command for the engine."""
