from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("syncapp", "0019_waiting_conflicts"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="excludedcollection",
            options={
                "ordering": ["pattern"],
                "verbose_name": "exclusion",
                "verbose_name_plural": "excluded collections",
            },
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="time"),
        ),
        migrations.AlterField(
            model_name="comparedcollection",
            name="instance_id",
            field=models.CharField(max_length=36, verbose_name="instance ID"),
        ),
        migrations.AlterField(
            model_name="comparedcollection",
            name="run_id",
            field=models.CharField(max_length=36, verbose_name="run ID"),
        ),
        migrations.AlterField(
            model_name="comparisonrun",
            name="instance_id",
            field=models.CharField(max_length=36, verbose_name="instance ID"),
        ),
        migrations.AlterField(
            model_name="comparisonrun",
            name="run_id",
            field=models.CharField(max_length=36, unique=True, verbose_name="run ID"),
        ),
        migrations.AlterField(
            model_name="conflict",
            name="at",
            field=models.DateTimeField(verbose_name="time"),
        ),
        migrations.AlterField(
            model_name="conflict",
            name="instance_id",
            field=models.CharField(max_length=36, verbose_name="instance ID"),
        ),
        migrations.AlterField(
            model_name="conflict",
            name="one_way",
            field=models.BooleanField(default=False, verbose_name="one-way sync"),
        ),
        migrations.AlterField(
            model_name="device",
            name="instance_id",
            field=models.CharField(max_length=100, unique=True, verbose_name="instance ID"),
        ),
        migrations.AlterField(
            model_name="instance",
            name="instance_id",
            field=models.CharField(max_length=36, unique=True, verbose_name="instance ID"),
        ),
        migrations.AlterField(
            model_name="rejectedchange",
            name="first_at",
            field=models.DateTimeField(auto_now_add=True, verbose_name="first attempt"),
        ),
        migrations.AlterField(
            model_name="rejectedchange",
            name="instance_id",
            field=models.CharField(max_length=36, verbose_name="instance ID"),
        ),
        migrations.AlterField(
            model_name="rejectedchange",
            name="last_at",
            field=models.DateTimeField(auto_now=True, verbose_name="last attempt"),
        ),
        migrations.AlterField(
            model_name="resumetoken",
            name="instance_id",
            field=models.CharField(max_length=36, verbose_name="instance ID"),
        ),
    ]
