"""The devices of this Atlas database, and how long each side may be away."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("syncapp", "0011_collection_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="Device",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("instance_id", models.CharField(max_length=100, unique=True)),
                ("name", models.CharField(blank=True, max_length=100)),
                ("seen_at", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
                ("copied_at", models.DateTimeField()),
                ("within_s", models.FloatField(default=0)),
                ("version", models.CharField(blank=True, max_length=100)),
                ("host", models.CharField(blank=True, max_length=300)),
                ("since", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("pull_lag_ms", models.PositiveBigIntegerField(default=0)),
                ("push_lag_ms", models.PositiveBigIntegerField(default=0)),
                ("pending", models.PositiveIntegerField(default=0)),
                ("conflicts", models.PositiveIntegerField(null=True)),
                ("rejected", models.PositiveIntegerField(null=True)),
                ("halts", models.PositiveIntegerField(default=0)),
                ("local_stream", models.CharField(blank=True, max_length=20)),
                ("atlas_stream", models.CharField(blank=True, max_length=20)),
                ("clock_offset_ms", models.FloatField(default=0)),
                ("rules_version", models.BigIntegerField(null=True)),
                ("headroom_s", models.JSONField(blank=True, default=dict)),
                ("stand_by", models.JSONField(blank=True, default=list)),
                ("waiting_for", models.TextField(blank=True)),
                ("trouble", models.PositiveSmallIntegerField(default=0)),
                ("troubles", models.JSONField(blank=True, default=list)),
            ],
            options={
                "ordering": ["-trouble", "name", "instance_id"],
            },
        ),
        migrations.AlterModelOptions(
            name="instance",
            options={"verbose_name": "listener", "verbose_name_plural": "this device"},
        ),
        migrations.AddField(
            model_name="instance",
            name="headroom",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
