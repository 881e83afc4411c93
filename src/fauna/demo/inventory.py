"""An inventory: books in two warehouses, moved and counted.

Shown: a transfer that keeps the total, two clerks who change one number (no update is lost), a window function, a view,
ALTER TABLE on a filled table.
"""

from __future__ import annotations

import threading
from decimal import Decimal

from fauna.client.database import Database, Transaction
from fauna.demo.story import Story

TABLES = (
    "CREATE TABLE books (id INT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(80) NOT NULL, price DECIMAL(8,2) NOT NULL)",
    """CREATE TABLE inventory (
        book_id INT NOT NULL,
        warehouse ENUM('north', 'south') NOT NULL,
        quantity INT UNSIGNED NOT NULL,
        PRIMARY KEY (book_id, warehouse),
        FOREIGN KEY (book_id) REFERENCES books (id))""",
    """CREATE TABLE movements (
        id BIGINT AUTO_INCREMENT PRIMARY KEY,
        book_id INT NOT NULL,
        quantity INT NOT NULL,
        moved_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
        note JSON)""",
)
BOOKS = (("SQL for people", "30.00", 120, 15), ("西游记", "18.50", 60, 8), ("Trees and logs", "55.25", 9, 30))
RECOUNTS = 10


def run(story: Story) -> None:
    with story.fresh() as db:
        for statement in TABLES:
            db.execute(statement)
        _fill(db)
        story.step(f"made books, inventory and movements; {len(BOOKS)} books in two warehouses")
        _transfer(story, db)
        _two_clerks(story, db)
        _report(story, db)


def _fill(db: Database) -> None:
    for title, price, north, south in BOOKS:
        book = db.query("INSERT INTO books (title, price) VALUES (%s, %s)", (title, Decimal(price))).lastrowid
        db.execute_many("INSERT INTO inventory VALUES (%s, %s, %s)", [(book, "north", north), (book, "south", south)])


def move(tx: Transaction, book: int, quantity: int) -> None:
    """Move books from north to south, in the caller's transaction."""
    take = "UPDATE inventory SET quantity = quantity - %s WHERE book_id = %s AND warehouse = 'north' AND quantity >= %s"
    if tx.execute(take, (quantity, book, quantity)) == 0:
        raise LookupError("not enough in the north")
    tx.execute("UPDATE inventory SET quantity = quantity + %s WHERE book_id = %s AND warehouse = 'south'", (quantity, book))
    tx.execute("INSERT INTO movements (book_id, quantity, note) VALUES (%s, %s, %s)", (book, quantity, '{"from": "north"}'))


def _transfer(story: Story, db: Database) -> None:
    total = "SELECT SUM(quantity) FROM inventory"
    before = db.query(total).scalar()
    with db.transaction() as tx:
        move(tx, 1, 20)
        with tx.savepoint():
            move(tx, 2, 10)
        try:
            with tx.savepoint():
                tx.execute("DELETE FROM movements")
                move(tx, 3, 1000)
        except LookupError:
            story.step("a part of the transaction failed and was undone by itself (savepoint)")
    story.check("a transfer keeps the total", db.query(total).scalar(), before)
    story.check("the undone part left nothing", db.query("SELECT COUNT(*) FROM movements").scalar(), 2)
    place = db.query("SELECT JSON_UNQUOTE(JSON_EXTRACT(note, '$.from')) FROM movements WHERE book_id = 1").scalar()
    story.check("JSON is read with its functions", place, "north")


def _two_clerks(story: Story, db: Database) -> None:
    """Both read a number and write back one more; without isolation, updates would be lost."""
    read = "SELECT quantity FROM inventory WHERE book_id = 3 AND warehouse = 'south'"
    write = "UPDATE inventory SET quantity = %s WHERE book_id = 3 AND warehouse = 'south'"
    before = db.query(read).scalar()
    attempts: list[int] = []

    def add_one(tx: Transaction) -> None:
        attempts.append(1)
        tx.execute(write, (tx.query(read).scalar() + 1,))

    def clerk() -> None:
        with story.again() as mine:
            for _ in range(RECOUNTS):
                mine.run(add_one, attempts=50)

    clerks = [threading.Thread(target=clerk) for _ in range(2)]
    for thread in clerks:
        thread.start()
    for thread in clerks:
        thread.join()
    story.check("two clerks count the same shelf: no update is lost", db.query(read).scalar(), before + 2 * RECOUNTS)
    story.facts["transactions run again after a conflict"] = len(attempts) - 2 * RECOUNTS


def _report(story: Story, db: Database) -> None:
    db.execute("CREATE VIEW stock AS SELECT book_id, SUM(quantity) AS quantity FROM inventory GROUP BY book_id")
    rows = db.query(
        """SELECT b.title, s.quantity, s.quantity * b.price AS worth,
                  RANK() OVER (ORDER BY s.quantity * b.price DESC) AS place
           FROM stock s JOIN books b ON b.id = s.book_id ORDER BY place"""
    )
    story.check("books ranked by worth, by a view, a join and a window function",
                [(row.title, row.worth) for row in rows][0], ("SQL for people", Decimal("4050.00")))  # fmt: skip
    db.execute("ALTER TABLE books ADD COLUMN shelf VARCHAR(10) NOT NULL DEFAULT 'A1' AFTER title, ADD INDEX by_shelf (shelf)")
    story.check("a column is added to a filled table", db.query("SELECT COUNT(*) FROM books WHERE shelf = 'A1'").scalar(), 3)
    story.facts["worth of the stock"] = str(sum(row.worth for row in rows))
