from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("syncapp", "0017_one_model_of_rules"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="conflict",
            index=models.Index(fields=["winner", "merged", "one_way"], name="syncapp_con_winner_0235bf_idx"),
        ),
    ]
