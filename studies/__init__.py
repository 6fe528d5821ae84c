"""What was measured beside the plans, a command each, and the tools that write pages.

`python -m studies.NAME` writes results/NAME; docs/reproduce.md lists them all.
"""
