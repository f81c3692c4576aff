from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("syncapp", "0015_conflicts_of_merges"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="collectionrule",
            options={
                "ordering": ["priority", "pattern"],
                "permissions": [("see_masked", "Can see the fields that collection rules mask")],
            },
        ),
    ]
