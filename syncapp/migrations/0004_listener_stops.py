from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("syncapp", "0003_runs_halts_validation")]

    operations = [
        migrations.AddField(
            model_name="instance",
            name="stops",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.CreateModel(
            name="ListenerStart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("holder", models.CharField(max_length=200)),
                ("text", models.TextField()),
                ("first_seen", models.DateTimeField()),
                ("next_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="only_one_start")
                ],
            },
        ),
    ]
