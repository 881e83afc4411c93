"""`faunadb demo`: the scenarios of the founding articles, run for real and checked.

What it is for: showing a newcomer, in one command, what works: a blog, a shop and an inventory on a fresh server, over
the MySQL protocol, with a check after each step.  One file per scenario: `blog`, `shop`, `inventory`; `runner` starts
the server and prints; `story` is what a scenario is given.
What it is not for: being a benchmark, or sample code for every feature.

Invariants: a scenario uses only the public SDK; it states what it expects and fails loudly when that is not so; it
makes its own database (`demo_…`) and nothing else.
"""
