from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("syncapp", "0018_conflict_counts"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="conflict",
            index=models.Index(
                fields=["winner", "resolved_at", "record_id"], name="syncapp_con_winner_dfe450_idx"
            ),
        ),
    ]
