from __future__ import annotations

import datetime
import decimal
from typing import Any

import pytest

from tests.servers import Server

sa = pytest.importorskip("sqlalchemy")
from sqlalchemy import orm  # noqa: E402
from sqlalchemy.dialects import mysql  # noqa: E402


class Base(orm.DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(50), unique=True)
    joined: orm.Mapped[datetime.datetime] = orm.mapped_column(server_default=sa.func.now())
    kind: orm.Mapped[str] = orm.mapped_column(sa.Enum("admin", "guest"), default="guest")
    settings: orm.Mapped[dict[str, Any] | None] = orm.mapped_column(sa.JSON)
    orders: orm.Mapped[list[Order]] = orm.relationship(back_populates="user", cascade="all, delete-orphan")


class Order(Base):
    __tablename__ = "order"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    user_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("user.id", ondelete="CASCADE"))
    total: orm.Mapped[decimal.Decimal] = orm.mapped_column(sa.Numeric(10, 2))
    paid: orm.Mapped[bool] = orm.mapped_column(default=False)
    user: orm.Mapped[User] = orm.relationship(back_populates="orders")
    __table_args__ = (sa.Index("order_total", "total"), sa.CheckConstraint("total >= 0", name="total_positive"))


@pytest.mark.parametrize("scheme", ["mysql+pymysql", "mysql+mysqldb", "mysql+mysqlconnector"])
def test_orm(database: Server, scheme: str) -> None:
    pytest.importorskip({"mysqldb": "MySQLdb", "mysqlconnector": "mysql.connector", "pymysql": "pymysql"}[scheme.split("+")[1]])
    url = f"{scheme}://{database.user}:{database.password}@{database.host}:{database.port}/drivers?charset=utf8mb4"
    if scheme.endswith("connector"):
        url += "&collation=utf8mb4_general_ci"
    engine = sa.create_engine(url)
    try:
        Base.metadata.create_all(engine)
        Base.metadata.create_all(engine)  # finds that all exists
        _write_and_read(engine)
        _reflect(engine)
        Base.metadata.drop_all(engine)
        assert sa.inspect(engine).get_table_names() == []
    finally:
        engine.dispose()


def _write_and_read(engine: Any) -> None:
    with orm.Session(engine) as session:
        ann = User(name="Ann", kind="admin", settings={"lang": "de", "n": [1, 2]}, orders=[Order(total=decimal.Decimal("10.50"))])
        session.add_all([ann, User(name="Bob", orders=[Order(total=5), Order(total=decimal.Decimal("7.25"), paid=True)])])
        session.commit()
        assert ann.id == 1
        assert abs(datetime.datetime.now() - ann.joined) < datetime.timedelta(days=2)
        assert session.scalar(sa.select(sa.func.sum(Order.total))) == decimal.Decimal("22.75")
        rows = session.execute(
            sa.select(User.name, sa.func.count(Order.id), sa.func.max(Order.total))
            .join(Order)
            .group_by(User.name)
            .order_by(User.name)
        ).all()
        assert [tuple(r) for r in rows] == [("Ann", 1, decimal.Decimal("10.50")), ("Bob", 2, decimal.Decimal("7.25"))]
        assert session.scalars(sa.select(User).where(User.settings["lang"].as_string() == "de")).one() is ann
        for load in (orm.selectinload, orm.joinedload, orm.subqueryload):
            session.expire_all()
            assert len(session.scalars(sa.select(User).options(load(User.orders))).unique().all()) == 2
        ann.orders.clear()
        session.commit()
        assert session.scalar(sa.select(sa.func.count()).select_from(Order)) == 2
        session.add(User(name="ann"))
        with pytest.raises(sa.exc.IntegrityError):
            session.commit()
        session.rollback()
        session.add(Order(user_id=999, total=1))
        with pytest.raises(sa.exc.IntegrityError):
            session.commit()
        session.rollback()
        session.add(Order(user_id=1, total=-1))
        with pytest.raises((sa.exc.OperationalError, sa.exc.IntegrityError)):  # drivers do not agree on 4025
            session.commit()
        session.rollback()
        with session.begin_nested():
            session.add(User(name="nested"))
        session.commit()
        upsert = mysql.insert(User).values(id=1, name="Ann", kind="guest").on_duplicate_key_update(kind="guest")
        session.execute(upsert)
        session.commit()
        session.refresh(ann)
        assert ann.kind == "guest"
        locked = session.scalars(sa.select(User).where(User.id == 1).with_for_update()).one()
        session.delete(locked)
        session.commit()


def _reflect(engine: Any) -> None:
    inspector = sa.inspect(engine)
    assert sorted(inspector.get_table_names()) == ["order", "user"]
    assert inspector.get_pk_constraint("order")["constrained_columns"] == ["id"]
    (key,) = inspector.get_foreign_keys("order")
    assert (key["referred_table"], key["constrained_columns"], key["options"]) == ("user", ["user_id"], {"ondelete": "CASCADE"})
    assert {i["name"] for i in inspector.get_indexes("order")} >= {"order_total"}
    assert inspector.get_check_constraints("order")[0]["name"] == "total_positive"
    table = sa.Table("user", sa.MetaData(), autoload_with=engine)
    assert isinstance(table.c.id.type, sa.Integer)
    assert table.c.name.type.length == 50
    assert table.c.kind.type.enums == ["admin", "guest"]
