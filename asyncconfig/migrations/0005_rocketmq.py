from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('asyncconfig', '0004_places'),
        ('functions', '0003_destinations'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('kind', 'RocketMQ')), fields=['-id', 'place'], name='delivery_rocketmq'),
        ),
    ]
