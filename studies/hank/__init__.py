"""The `hank` world: what its households do to a transfer, how it is emulated, how fast."""
