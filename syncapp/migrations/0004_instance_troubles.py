from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("syncapp", "0003_runs_halts_validation")]

    operations = [
        migrations.AddField(
            model_name="instance",
            name="troubles",
            field=models.JSONField(blank=True, default=list),
        ),
    ]
