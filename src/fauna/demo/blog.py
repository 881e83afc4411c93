"""A blog: users write posts, others comment.

Shown: tables with foreign keys, AUTO_INCREMENT, bound parameters against an injection, joins and aggregates, errors
with MySQL's numbers, time stamps, text in any language.
"""

from __future__ import annotations

import hashlib
import os

from fauna.client.database import Database, IntegrityError
from fauna.demo.story import Story

TABLES = (
    """CREATE TABLE users (
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        username VARCHAR(50) NOT NULL UNIQUE,
        salt BINARY(16) NOT NULL,
        password_hash BINARY(32) NOT NULL)""",
    """CREATE TABLE posts (
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        title VARCHAR(100) NOT NULL,
        content TEXT NOT NULL,
        author_id INT NOT NULL,
        created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
        FOREIGN KEY (author_id) REFERENCES users (id))""",
    """CREATE TABLE comments (
        id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        content TEXT NOT NULL,
        author_id INT NOT NULL,
        post_id INT NOT NULL,
        FOREIGN KEY (author_id) REFERENCES users (id),
        FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE)""",
)
USERS = ("ada", "grace", "王芳")
POSTS = (
    ("ada", "Hello, World!", "This is my first post."),
    ("王芳", "你好", "这是第一篇文章。"),
    ("ada", "Notes", "On engines."),
)
COMMENTS = (
    ("grace", 1, "Welcome!"),
    ("王芳", 1, "欢迎"),
    ("ada", 2, "Thank you"),
    ("grace", 2, "Nice"),
    ("grace", 1, "More, please"),
)


def run(story: Story) -> None:
    with story.fresh() as db:
        for statement in TABLES:
            db.execute(statement)
        story.step("made the tables users, posts and comments")
        ids = {name: _register(db, name, f"{name}'s secret") for name in USERS}
        for author, title, content in POSTS:
            db.query("INSERT INTO posts (title, content, author_id) VALUES (%s, %s, %s)", (title, content, ids[author]))
        db.execute_many(
            "INSERT INTO comments (author_id, post_id, content) VALUES (%s, %s, %s)",
            [(ids[author], post, content) for author, post, content in COMMENTS],
        )
        story.step(f"{len(USERS)} users wrote {len(POSTS)} posts and {len(COMMENTS)} comments")
        _read(story, db)
        _refuse(story, db)
        _delete(story, db)


def _register(db: Database, name: str, password: str) -> int:
    salt = os.urandom(16)
    return db.query(
        "INSERT INTO users (username, salt, password_hash) VALUES (%s, %s, %s)", (name, salt, _hash(password, salt))
    ).lastrowid


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=1024, r=8, p=1, dklen=32)


def _log_in(db: Database, name: str, password: str) -> bool:
    found = db.query("SELECT salt, password_hash FROM users WHERE username = %s", (name,)).first()
    return found is not None and _hash(password, found.salt) == found.password_hash


def _read(story: Story, db: Database) -> None:
    rows = db.query("SELECT title, content FROM posts WHERE title = %s", ("你好",))
    story.check("a post is found by its title, in Chinese", [tuple(row) for row in rows], [("你好", "这是第一篇文章。")])
    talk = db.query(
        """SELECT p.title, u.username AS author, COUNT(c.id) AS comments
           FROM posts p JOIN users u ON u.id = p.author_id LEFT JOIN comments c ON c.post_id = p.id
           GROUP BY p.id, p.title, u.username ORDER BY comments DESC, p.id"""
    )
    expected = [("Hello, World!", "ada", 3), ("你好", "王芳", 2), ("Notes", "ada", 0)]
    story.check("posts with their authors and comment counts, by a join", [tuple(row) for row in talk], expected)
    story.facts["most discussed"] = f"{talk[0].title} ({talk[0].comments} comments)"
    story.facts["users / posts / comments"] = " / ".join(
        str(db.query(f"SELECT COUNT(*) FROM {table}").scalar()) for table in ("users", "posts", "comments")
    )


def _refuse(story: Story, db: Database) -> None:
    story.check("the right password logs in", _log_in(db, "ada", "ada's secret"), True)
    story.check("a wrong one does not", _log_in(db, "ada", "guess"), False)
    story.check("nor does an injection: values are bound, never pasted", _log_in(db, "' OR '1'='1", "' OR '1'='1"), False)
    story.check("a second user 'ada' is refused", _errno(db, "INSERT INTO users VALUES (NULL, 'ada', '', '')"), 1062)
    story.check("a comment on a post that does not exist is refused",
                _errno(db, "INSERT INTO comments VALUES (NULL, 'lost', 1, 999)"), 1452)  # fmt: skip


def _errno(db: Database, sql: str) -> int:
    try:
        db.execute(sql)
    except IntegrityError as problem:
        return problem.errno
    return 0


def _delete(story: Story, db: Database) -> None:
    db.execute("DELETE FROM posts WHERE title = %s", ("Hello, World!",))
    left = db.query("SELECT COUNT(*) FROM comments").scalar()
    story.check("deleting a post deletes its comments (ON DELETE CASCADE)", left, len(COMMENTS) - 3)
