"""`python -m fauna` is the `faunadb` command."""

from fauna.cli import main

raise SystemExit(main())
