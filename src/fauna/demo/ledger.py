"""A ledger: loans that are paid back, a mistake, and what the chain makes of it.

Shown: a table as it was, the versions of a row and who made them, a mistake undone, everything verified against the chains, a
change proved with nothing but two documents.
"""

from __future__ import annotations

import json
from decimal import Decimal

from fauna.chain.proof import verify_proof
from fauna.client.database import Database
from fauna.demo.story import Story

TABLE = "CREATE TABLE loans (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, owed DECIMAL(10,2) NOT NULL)"
LOANS = (("ann", "1200.00"), ("bob", "300.00"), ("王芳", "5000.00"))


def run(story: Story) -> None:
    with story.fresh() as db:
        if "FaunaDB" not in str(db.query("SELECT VERSION()").scalar()):
            story.step("left out: it is about the chain, which only FaunaDB has")
            return
        db.execute(TABLE)
        db.execute_many("INSERT INTO loans (name, owed) VALUES (%s, %s)", [(name, Decimal(owed)) for name, owed in LOANS])
        db.execute("UPDATE loans SET owed = owed - 200 WHERE name = 'ann'")
        _mistake(story, db)
        _history(story, db)
        _proof(story, db)


def _mistake(story: Story, db: Database) -> None:
    total = "SELECT SUM(owed) FROM loans"
    before, then = db.query(total).scalar(), db.query("SELECT NOW(6)").scalar()
    db.execute("UPDATE loans SET owed = 0")  # the WHERE was forgotten
    story.check("the debts as they were before somebody forgot a WHERE", db.as_of(then).query(total).scalar(), before)
    db.execute(f"FLASHBACK TABLE loans TO TIMESTAMP '{then}'")
    story.check("FLASHBACK has undone it, by a commit of its own", db.query(total).scalar(), before)


def _history(story: Story, db: Database) -> None:
    number = db.query("SELECT id FROM loans WHERE name = 'ann'").scalar()
    versions = db.history("loans", number)
    story.check("all that ann has owed, newest first",
                [row.owed for row in versions], [Decimal(n) for n in ("1000.00", "0.00", "1000.00", "1200.00")])  # fmt: skip
    story.check("and who said so", {row.user for row in versions}, {db.query("SELECT USER()").scalar()})
    story.check("nothing that is stored differs from the chains", {row.state for row in db.verify()} & {"finding"}, set())


def _proof(story: Story, db: Database) -> None:
    checkpoint = json.loads(str(db.query("CALL fauna.checkpoint()").scalar()))
    block, shard = db.query(
        "SELECT block, shard FROM fauna.changes WHERE `database` = DATABASE() AND `table` = 'loans' ORDER BY time DESC LIMIT 1"
    )[0]
    proof = json.loads(str(db.query("CALL fauna.proof(%s, %s)", (block, shard)).scalar()))
    proved = verify_proof(proof, checkpoint)
    story.check("a block is proved without the server, from a proof and a checkpoint", proved.header.height, block)
    heights = {each["shard"]: each["height"] for each in checkpoint["shards"]}
    story.facts["blocks on the shard that was proved"] = heights[shard]
