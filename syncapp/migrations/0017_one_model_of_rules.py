"""Exclusions and validation rules move into the table of collection rules, each as a kind of its own.

Their content types and permissions stay, and so what groups and users may do: the models go on as proxies."""

import json

from django.db import migrations, models
from django.db.models import Case, Value, When

import syncapp.models.collection_rule

KINDS = {"ExcludedCollection": "exclusion", "ValidationRule": "validation"}


def into_one(apps, schema_editor):
    table = apps.get_model("syncapp", "CollectionRule").objects
    for name, kind in KINDS.items():
        moved = {}
        for old in apps.get_model("syncapp", name).objects.order_by("pk"):
            new = table.create(kind=kind, pattern=old.pattern, document=getattr(old, "schema", {}))
            changed_at = getattr(old, "changed_at", old.created_at)
            table.filter(pk=new.pk).update(created_at=old.created_at, changed_at=changed_at)
            moved[old.pk] = new.pk
        follow(apps, name, moved)


def apart_again(apps, schema_editor):
    table = apps.get_model("syncapp", "CollectionRule").objects
    for name, kind in KINDS.items():
        old_table, moved = apps.get_model("syncapp", name).objects, {}
        for row in table.filter(kind=kind).order_by("pk"):
            text = isinstance(row.document, str)  # as later versions keep a schema
            more = {"schema": json.loads(row.document) if text else row.document} if kind == "validation" else {}
            old = old_table.create(pattern=row.pattern, **more)
            times = {"changed_at": row.changed_at} if kind == "validation" else {}
            old_table.filter(pk=old.pk).update(created_at=row.created_at, **times)
            moved[row.pk] = old.pk
        follow(apps, name, moved)
        table.filter(kind=kind).delete()


def follow(apps, name, moved):
    """The history that Django's admin keeps of each row, by its number. Where there are rows its table is there as well."""
    if not moved:
        return
    numbers = [When(object_id=str(old), then=Value(str(new))) for old, new in moved.items()]
    apps.get_model("admin", "LogEntry").objects.filter(
        content_type__app_label="syncapp", content_type__model=name.lower(), object_id__in=[str(old) for old in moved]
    ).update(object_id=Case(*numbers))


def proxy(name):
    return migrations.CreateModel(
        name=name,
        fields=[],
        options={"ordering": ["pattern"], "proxy": True, "indexes": [], "constraints": []},
        bases=("syncapp.collectionrule",),
    )


class Migration(migrations.Migration):
    # Not on the admin's: the programs without pages, which ask whether all migrations are there, do not load it
    dependencies = [("syncapp", "0016_masked_fields")]

    operations = [
        migrations.AddField(
            model_name="collectionrule",
            name="kind",
            field=models.CharField(
                choices=[("exclusion", "Exclusion"), ("rule", "Rule"), ("validation", "Validation rule")],
                default="rule",
                editable=False,
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="collectionrule",
            name="pattern",
            field=models.CharField(
                max_length=255, validators=[syncapp.models.collection_rule.validate_pattern]
            ),
        ),
        migrations.AlterField(
            model_name="collectionrule",
            name="document",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddConstraint(
            model_name="collectionrule",
            constraint=models.UniqueConstraint(
                fields=("kind", "pattern"), name="one_of_a_kind_for_a_pattern"
            ),
        ),
        migrations.RunPython(into_one, apart_again),
        *map(migrations.DeleteModel, KINDS),
        *map(proxy, KINDS),
    ]
