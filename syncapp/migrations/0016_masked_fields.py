from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("syncapp", "0011_collection_rules"),
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
