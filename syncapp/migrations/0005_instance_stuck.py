from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("syncapp", "0004_listener_stops")]

    operations = [
        migrations.AddField(
            model_name="instance",
            name="stuck",
            field=models.JSONField(blank=True, default=list),
        ),
    ]
