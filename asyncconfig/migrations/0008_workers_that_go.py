from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('asyncconfig', '0007_forms_once'),
        ('functions', '0003_destinations'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('worker__isnull', False)), fields=['worker'], name='delivery_of_worker'),
        ),
        migrations.AddIndex(
            model_name='invocation',
            index=models.Index(condition=models.Q(('worker__isnull', False)), fields=['worker'], name='invocation_of_worker'),
        ),
        migrations.AddIndex(
            model_name='notification',
            index=models.Index(condition=models.Q(('worker__isnull', False)), fields=['worker'], name='notification_of_worker'),
        ),
    ]
