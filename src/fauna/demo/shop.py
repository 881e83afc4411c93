"""A shop: users order products that are in stock.

Shown: a transaction over several tables, one that fails and leaves nothing, buyers who meet at the last items, exact
money, and what two sessions see of each other at two isolation levels.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from fauna.client.database import Database, Transaction
from fauna.demo.story import Story

TABLES = (
    """CREATE TABLE users (
        id INT AUTO_INCREMENT PRIMARY KEY,
        username VARCHAR(20) NOT NULL,
        email VARCHAR(60) NOT NULL UNIQUE,
        created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)""",
    """CREATE TABLE products (
        id INT AUTO_INCREMENT PRIMARY KEY,
        name VARCHAR(50) NOT NULL,
        price DECIMAL(10,2) NOT NULL,
        stock INT NOT NULL,
        CONSTRAINT stock_not_negative CHECK (stock >= 0))""",
    """CREATE TABLE orders (
        id INT AUTO_INCREMENT PRIMARY KEY,
        user_id INT NOT NULL,
        product_id INT NOT NULL,
        quantity INT NOT NULL,
        total DECIMAL(12,2) NOT NULL,
        created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        KEY by_user (user_id),
        FOREIGN KEY (user_id) REFERENCES users (id),
        FOREIGN KEY (product_id) REFERENCES products (id))""",
)
PRODUCTS = (("pencil", "0.10", 1000), ("notebook", "3.75", 40), ("desk lamp", "49.90", 5))
BUYERS = 8


class OutOfStock(Exception):
    """There are fewer than were ordered."""


def run(story: Story) -> None:
    with story.fresh() as db:
        for statement in TABLES:
            db.execute(statement)
        db.execute_many("INSERT INTO products (name, price, stock) VALUES (%s, %s, %s)",
                        [(name, Decimal(price), stock) for name, price, stock in PRODUCTS])  # fmt: skip
        db.execute_many("INSERT INTO users (username, email) VALUES (%s, %s)",
                        [(f"user{number}", f"user{number}@shop.example") for number in range(1, BUYERS + 1)])  # fmt: skip
        story.step(f"made users, products and orders; {len(PRODUCTS)} products, {BUYERS} users")
        _order(story, db)
        _rush(story, db)
        _money(story, db)
        _isolation(story, db)
        story.facts["orders"] = db.query("SELECT COUNT(*) FROM orders").scalar()
        story.facts["revenue"] = str(db.query("SELECT SUM(total) FROM orders").scalar())


def place_order(tx: Transaction, user: int, product: int, quantity: int) -> int:
    """Take from stock and write the order, in the caller's transaction; the order's number."""
    found = tx.query("SELECT price, stock FROM products WHERE id = %s FOR UPDATE", (product,))[0]
    tx.execute("INSERT INTO orders (user_id, product_id, quantity, total) VALUES (%s, %s, %s, %s)",
               (user, product, quantity, found.price * quantity))  # fmt: skip
    order = int(tx.query("SELECT LAST_INSERT_ID()").scalar())
    if found.stock < quantity:
        raise OutOfStock
    tx.execute("UPDATE products SET stock = stock - %s WHERE id = %s", (quantity, product))
    return order


def _order(story: Story, db: Database) -> None:
    with db.transaction() as tx:
        place_order(tx, user=1, product=2, quantity=4)
    story.check("an order takes from stock", db.query("SELECT stock FROM products WHERE id = 2").scalar(), 36)
    before = db.query("SELECT (SELECT COUNT(*) FROM orders) AS orders, SUM(stock) AS stock FROM products")
    try:
        with db.transaction() as tx:
            place_order(tx, user=1, product=1, quantity=10)
            place_order(tx, user=1, product=3, quantity=6)
    except OutOfStock:
        story.step("an order of 6 lamps failed half-way: there are 5")
    after = db.query("SELECT (SELECT COUNT(*) FROM orders) AS orders, SUM(stock) AS stock FROM products")
    story.check("a failed transaction leaves nothing", list(after), list(before))


def _rush(story: Story, db: Database) -> None:
    def buy(user: int) -> bool:
        with story.again() as mine:
            try:
                mine.run(lambda tx: place_order(tx, user, product=3, quantity=1), attempts=20)
            except OutOfStock:
                return False
            return True

    with ThreadPoolExecutor(BUYERS) as pool:
        served = list(pool.map(buy, range(1, BUYERS + 1)))
    story.check(f"{BUYERS} clients at once want one of 5 lamps: 5 get one", sum(served), 5)
    story.check("none was sold twice", db.query("SELECT stock FROM products WHERE id = 3").scalar(), 0)


def _money(story: Story, db: Database) -> None:
    story.check("0.1 + 0.2 = 0.3", db.query("SELECT 0.1 + 0.2 = 0.3").scalar(), 1)
    with db.transaction() as tx:
        for _ in range(30):
            place_order(tx, user=2, product=1, quantity=1)
    pencils = db.query("SELECT SUM(total) FROM orders WHERE product_id = 1").scalar()
    story.check("30 pencils at 0.10 are exactly 3.00", pencils, Decimal("3.00"))
    top = db.query(
        """SELECT u.username, COUNT(*) AS orders, SUM(o.total) AS spent
           FROM orders o JOIN users u ON u.id = o.user_id GROUP BY u.id, u.username ORDER BY orders DESC LIMIT 1"""
    )[0]
    story.check("orders and money by user, by a join and GROUP BY", (top.username, top.orders >= 30), ("user2", True))
    story.facts["busiest user"] = f"{top.username}, {top.orders} orders, {top.spent}"


def _isolation(story: Story, db: Database) -> None:
    price = "SELECT price FROM products WHERE id = 2"
    with story.again() as other:
        with db.transaction("REPEATABLE READ") as tx:
            first = tx.query(price).scalar()
            other.execute("UPDATE products SET price = 4.00 WHERE id = 2")
            story.check("REPEATABLE READ: a transaction goes on seeing its snapshot", tx.query(price).scalar(), first)
        with db.transaction("READ COMMITTED") as tx:
            tx.query(price)
            other.execute("UPDATE products SET price = 4.25 WHERE id = 2")
            story.check("READ COMMITTED: it sees what others commit", tx.query(price).scalar(), Decimal("4.25"))
        with db.transaction() as tx:
            tx.execute("UPDATE products SET price = 99 WHERE id = 2")
            story.check("nobody sees what is not committed", other.query(price).scalar(), Decimal("4.25"))
            tx.execute("UPDATE products SET price = 4.25 WHERE id = 2")
