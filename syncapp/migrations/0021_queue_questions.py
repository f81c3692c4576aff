from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("syncapp", "0020_labels"),
    ]

    operations = [
        migrations.CreateModel(
            name="QueueQuestion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("instance_id", models.CharField(db_index=True, max_length=36)),
                ("collection", models.TextField()),
                ("document_id_raw", models.BinaryField()),
                ("asked_at", models.DateTimeField()),
                ("answer", models.JSONField(null=True)),
            ],
        ),
    ]
