"""The clients that must work unchanged, each in a file of its own, each run on MariaDB and on FaunaDB.

What all PEP 249 drivers must be able to do is told once, in `story.py`.
"""
