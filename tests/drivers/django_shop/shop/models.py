from __future__ import annotations

import uuid

from django.db import models


class Tag(models.Model):
    name = models.CharField(max_length=30, unique=True)


class Customer(models.Model):
    name = models.CharField(max_length=50, db_index=True)
    email = models.EmailField(null=True, unique=True)
    joined = models.DateTimeField(auto_now_add=True)
    birthday = models.DateField(null=True)
    code = models.UUIDField(default=uuid.uuid4)
    settings = models.JSONField(default=dict)
    active = models.BooleanField(default=True)


class Order(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="orders")
    tags = models.ManyToManyField(Tag)
    total = models.DecimalField(max_digits=10, decimal_places=2)
    placed = models.DateTimeField()
    took = models.DurationField(null=True)
    at = models.TimeField(null=True)
    photo = models.BinaryField(null=True)
    note = models.TextField(blank=True)
    weight = models.FloatField(null=True)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(total__gte=0), name="total_not_negative")]
        indexes = [models.Index(fields=["placed", "-total"], name="placed_total")]
        unique_together = [("customer", "placed")]
