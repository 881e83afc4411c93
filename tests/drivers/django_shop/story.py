"""A Django shop: migrations, the ORM, the admin's log-in, against the database that the arguments name."""

from __future__ import annotations

import datetime
import decimal
import sys
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

HOST, PORT, USER, PASSWORD, NAME = sys.argv[1:]
UTC = datetime.UTC


def configure() -> None:
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.mysql", "HOST": HOST, "PORT": PORT, "USER": USER, "PASSWORD": PASSWORD, "NAME": NAME,
                "OPTIONS": {"charset": "utf8mb4"},
            }
        },
        INSTALLED_APPS=[
            "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
            "django.contrib.messages", "shop",
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True, TIME_ZONE="UTC", SECRET_KEY="for this test only",
        SILENCED_SYSTEM_CHECKS=["admin.E403", "admin.E408", "admin.E409", "admin.E410", "models.W036"],
    )  # fmt: skip
    django.setup()


def main() -> None:
    configure()
    call_command("makemigrations", "shop", verbosity=0)
    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)
    call_command("check", databases=["default"])
    orm()
    transactions()
    second_migration()
    call_command("inspectdb", "shop_order", stdout=open("inspected.py", "w"))  # noqa: SIM115
    call_command("migrate", "shop", "zero", verbosity=0)
    call_command("flush", interactive=False, verbosity=0)
    print("told")


def orm() -> None:
    from django.contrib.auth import authenticate
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.db.models import Avg, Count, Exists, F, OuterRef, Q, Subquery, Sum, Window
    from django.db.models.functions import Concat, ExtractYear, Lower, RowNumber, TruncMonth
    from shop.models import Customer, Order, Tag

    User.objects.create_superuser("admin", "a@example.org", "secret")
    assert authenticate(username="admin", password="secret")
    session = SessionStore()
    session["key"] = "value"
    session.save()
    assert SessionStore(session.session_key)["key"] == "value"

    ann = Customer.objects.create(
        name="Ann", email="ann@example.org", settings={"lang": "de", "n": [1, {"x": 2}]}, birthday="1990-02-03"
    )
    bob, _ = Customer.objects.get_or_create(name="Bob")
    Customer.objects.bulk_create([Customer(name=f"c{i}") for i in range(200)])
    red, new = Tag.objects.create(name="red"), Tag.objects.create(name="new")
    start = datetime.datetime(2024, 1, 31, 12, 30, 15, 123456, tzinfo=UTC)
    for i in range(10):
        order = Order.objects.create(
            customer=ann if i % 3 else bob, total=decimal.Decimal("10.25") * (i + 1), placed=start + datetime.timedelta(days=20 * i),
            took=datetime.timedelta(hours=i, microseconds=7), photo=bytes([i, 255]), weight=i / 3, at=datetime.time(10, i),
        )  # fmt: skip
        order.tags.add(red, *([new] if i % 2 else []))
    first = Order.objects.order_by("id")[0]
    assert (first.total, first.placed, first.took) == (decimal.Decimal("10.25"), start, datetime.timedelta(microseconds=7))
    assert bytes(first.photo) == b"\x00\xff"
    assert Order.objects.aggregate(s=Sum("total"), a=Avg("total"), n=Count("id")) == {
        "s": decimal.Decimal("563.75"), "a": decimal.Decimal("56.375"), "n": 10,
    }  # fmt: skip
    counted = Customer.objects.annotate(n=Count("orders"), s=Sum("orders__total")).filter(n__gt=0).order_by("-n")
    assert [(c.name, c.n) for c in counted] == [("Ann", 6), ("Bob", 4)]
    assert Order.objects.filter(tags__name="new").count() == 5
    assert Order.objects.filter(Q(customer__name__iexact="ANN") & ~Q(tags__name="new")).distinct().count() == 3
    assert Customer.objects.filter(name__startswith="c1").count() == 111
    assert Customer.objects.filter(name__regex="^c[0-9]$").count() == 10
    assert Customer.objects.filter(settings__lang="de").get() == ann
    assert Customer.objects.filter(settings__n__1__x=2).exists()
    assert Customer.objects.filter(settings__has_key="lang").count() == 1
    assert Customer.objects.filter(code=ann.code).get() == ann
    assert Order.objects.filter(placed__year=2024, placed__month__gte=2).count() == 9
    months = Order.objects.annotate(m=TruncMonth("placed")).values("m").annotate(n=Count("id")).order_by("m")
    assert months[0] == {"m": datetime.datetime(2024, 1, 1, tzinfo=UTC), "n": 1}
    newest = Order.objects.filter(customer=OuterRef("pk")).order_by("-placed")
    latest = Customer.objects.filter(Exists(newest)).annotate(last=Subquery(newest.values("total")[:1])).order_by("id")
    assert [c.last for c in latest] == [decimal.Decimal("92.25"), decimal.Decimal("102.50")]
    ranked = Order.objects.annotate(rn=Window(RowNumber(), partition_by=[F("customer")], order_by="total")).order_by("id")
    assert [o.rn for o in ranked][:3] == [1, 1, 2]
    assert Customer.objects.annotate(low=Lower(Concat("name", "name"))).get(pk=ann.pk).low == "annann"
    assert Order.objects.annotate(y=ExtractYear("placed")).values_list("y", flat=True).distinct().count() == 1
    Order.objects.filter(customer=bob).update(total=F("total") + 1, note="raised")
    assert Order.objects.filter(note="raised").count() == 4
    Order.objects.bulk_update([first], ["note"])
    Customer.objects.bulk_create(
        [Customer(id=ann.id, name="Anna", email="ann@example.org")], update_conflicts=True, update_fields=["name"]
    )
    ann.refresh_from_db()
    assert ann.name == "Anna"
    list(Order.objects.select_related("customer").prefetch_related("tags"))
    union = Customer.objects.filter(name="Bob").values("name").union(Tag.objects.values("name"))
    assert union.count() == 3
    dates: Any = Order.objects.dates("placed", "month")
    assert len(dates) > 5
    bob.delete()
    assert Order.objects.count() == 6
    Order.objects.all()[:1].get().tags.clear()


def transactions() -> None:
    from django.db import IntegrityError, connection, transaction
    from shop.models import Customer, Order, Tag

    for wrong in (
        lambda: Tag.objects.create(name="RED"),
        lambda: Order.objects.create(customer_id=99999, total=1, placed=datetime.datetime.now(UTC)),
        lambda: Order.objects.create(customer=Customer.objects.first(), total=-1, placed=datetime.datetime.now(UTC)),
    ):
        try:
            with transaction.atomic():
                wrong()
        except (IntegrityError, django.db.utils.OperationalError):
            continue
        raise AssertionError("a wrong row was accepted")
    with transaction.atomic():
        Tag.objects.create(name="outer")
        try:
            with transaction.atomic():
                Tag.objects.create(name="inner")
                raise ValueError
        except ValueError:
            pass
        assert Customer.objects.select_for_update().first()
    assert sorted(Tag.objects.values_list("name", flat=True)) == ["new", "outer", "red"]
    assert "shop_order" in connection.introspection.table_names()
    constraints = connection.introspection.get_constraints(connection.cursor(), "shop_order")
    assert constraints["total_not_negative"]["check"]
    assert constraints["placed_total"]["columns"] == ["placed", "total"]


def second_migration() -> None:
    """What comes later in the life of an application: columns added, renamed, made longer, indexes taken away."""
    from django.db import connection, migrations, models
    from django.db.migrations.state import ProjectState
    from shop.models import Customer, Tag

    state = ProjectState.from_apps(django.apps.apps)
    operations = [
        migrations.AddField("customer", "priority", models.IntegerField(default=7)),
        migrations.AlterField("customer", "priority", models.CharField(max_length=9, null=True, unique=False)),
        migrations.AlterField("tag", "name", models.CharField(max_length=120, unique=True, null=True)),
        migrations.RenameField("tag", "name", "label"),
        migrations.RenameModel("tag", "label"),
        migrations.AddIndex("order", models.Index(fields=["weight"], name="by_weight")),
        migrations.RenameIndex("order", new_name="by_weight_2", old_name="by_weight"),
        migrations.RemoveConstraint("order", "total_not_negative"),
        migrations.AlterUniqueTogether("order", {("customer", "total")}),
        migrations.AlterField("order", "count", models.BigIntegerField(default=1, db_index=True)),
    ]
    assert Customer.objects.count() == 201
    assert Tag.objects.count() == 3
    states = [state]
    for operation in operations:
        after = states[-1].clone()
        operation.state_forwards("shop", after)
        with connection.schema_editor() as editor:
            operation.database_forwards("shop", editor, states[-1], after)
        states.append(after)
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*), MIN(label) FROM shop_label")
        assert cursor.fetchone() == (3, "new")
        cursor.execute("SELECT DISTINCT priority FROM shop_customer")
        assert cursor.fetchall() == (("7",),)
    for operation, before, after in reversed(list(zip(operations, states, states[1:], strict=False))):
        with connection.schema_editor() as editor:
            operation.database_backwards("shop", editor, after, before)
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM shop_tag WHERE name IS NOT NULL")
        assert cursor.fetchone() == (3,)


main()
