"""Give deliveries of messages, what started a request, and targets one name each.

Tables and columns are renamed where they are: Django's own operations would rebuild, or
check, each table that points to one of them. SQLite alone copies the deliveries of
messages once, because a constraint's name is part of its table there.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

INDEXES = {
    'delivery': {'delivery_of_place': 'delivery_of_target_key'},
    'messagedelivery': {
        'notification_of_place': 'messagedelivery_of_target_key',
        'notification_due': 'messagedelivery_due',
        'notification_next': 'messagedelivery_next',
        'notification_held': 'messagedelivery_held',
        'notification_of_worker': 'messagedelivery_of_worker',
        'notification_dead_letters': 'messagedelivery_dead_letters',
    },
    'messagedeliveryattempt': {
        'notification_attempt_once_per_claim': 'message_delivery_attempt_once_per_claim',
    },
}
CHECKS = {
    'notification_sending_is_held': 'messagedelivery_sending_is_held',
    'notification_final_is_finished': 'messagedelivery_final_is_finished',
}


class RenameTable(migrations.RenameModel):
    """Rename a model and its table; what points to it follows by itself."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        old = from_state.apps.get_model(app_label, self.old_name)._meta.db_table
        new = to_state.apps.get_model(app_label, self.new_name)._meta.db_table
        name = schema_editor.quote_name
        schema_editor.execute(f'ALTER TABLE {name(old)} RENAME TO {name(new)}')


class RenameColumn(migrations.RenameField):
    """Rename a field and its column; indexes and foreign keys follow by themselves."""

    def state_forwards(self, app_label, state):
        """Rename it in the model's indexes too, which Django leaves as they are."""
        super().state_forwards(app_label, state)
        options = state.models[app_label, self.model_name_lower].options
        options['indexes'] = [self._renamed(index) for index in options['indexes']]
        state.reload_model(app_label, self.model_name_lower, delay=True)

    def _renamed(self, index):
        _path, args, kwargs = index.deconstruct()
        fields = [
            field.replace(self.old_name, self.new_name) if field.lstrip('-') == self.old_name else field
            for field in kwargs['fields']
        ]
        return type(index)(*args, **kwargs | {'fields': fields})

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        self._rename(app_label, schema_editor, from_state, to_state, self.old_name, self.new_name)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        self._rename(app_label, schema_editor, from_state, to_state, self.new_name, self.old_name)

    def _rename(self, app_label, schema_editor, from_state, to_state, before, after):
        old = from_state.apps.get_model(app_label, self.model_name)._meta
        new = to_state.apps.get_model(app_label, self.model_name)._meta
        name = schema_editor.quote_name
        schema_editor.execute(
            f'ALTER TABLE {name(old.db_table)} RENAME COLUMN '
            f'{name(old.get_field(before).column)} TO {name(new.get_field(after).column)}'
        )


class RenameInside(migrations.SeparateDatabaseAndState):
    """Rename indexes and constraints; in the state they are removed and added."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        self._rename(app_label, schema_editor, from_state, to_state, lambda names: names)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        def reverse(names):
            return {new: old for old, new in names.items()}

        self._rename(app_label, schema_editor, from_state, to_state, reverse)

    def _rename(self, app_label, schema_editor, from_state, to_state, turned):
        if schema_editor.connection.features.can_rename_index:
            name = schema_editor.quote_name
            for indexes in INDEXES.values():
                for old, new in turned(indexes).items():
                    schema_editor.execute(f'ALTER INDEX {name(old)} RENAME TO {name(new)}')
            table = name(to_state.apps.get_model(app_label, 'messagedelivery')._meta.db_table)
            for old, new in turned(CHECKS).items():
                schema_editor.execute(
                    f'ALTER TABLE {table} RENAME CONSTRAINT {name(old)} TO {name(new)}'
                )
            return
        self._write_anew(app_label, schema_editor, from_state, to_state, turned)

    def _write_anew(self, app_label, schema_editor, from_state, to_state, turned):
        old, new = (
            {name: state.apps.get_model(app_label, name) for name in INDEXES}
            for state in (from_state, to_state)
        )
        # In the order of the model: of two that would do, SQLite takes the newer one.
        for index in old['delivery']._meta.indexes:
            schema_editor.remove_index(old['delivery'], index)
        for index in new['delivery']._meta.indexes:
            schema_editor.add_index(new['delivery'], index)
        for before, after in turned(INDEXES['messagedeliveryattempt']).items():
            model = old['messagedeliveryattempt']
            schema_editor.remove_constraint(model, _named(model._meta.constraints, before))
            model = new['messagedeliveryattempt']
            schema_editor.add_constraint(model, _named(model._meta.constraints, after))
        # SQLite adds one by writing the table anew, with all that the model has.
        model = new['messagedelivery']
        schema_editor.add_constraint(model, model._meta.constraints[0])


def _named(things, name):
    return next(thing for thing in things if thing.name == name)


def replaced(model_name, before, constraint):
    return [
        migrations.RemoveConstraint(model_name, before),
        migrations.AddConstraint(model_name, constraint),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ('asyncconfig', '0009_asked_by'),
    ]

    operations = [
        RenameTable('Notification', 'MessageDelivery'),
        RenameTable('NotificationAttempt', 'MessageDeliveryAttempt'),
        RenameColumn('messagedelivery', 'notification_id', 'delivery_id'),
        RenameColumn('messagedelivery', 'place', 'target_key'),
        RenameColumn('delivery', 'place', 'target_key'),
        RenameColumn('asyncconfig', 'on_success_place', 'on_success_target_key'),
        RenameColumn('asyncconfig', 'on_failure_place', 'on_failure_target_key'),
        RenameColumn('invocation', 'source', 'source_delivery'),
        RenameColumn('invocation', 'notification', 'source_message_delivery'),
        RenameColumn('message', 'delivery', 'source_delivery'),
        RenameInside(
            state_operations=[
                *(
                    migrations.RenameIndex(model, new_name=new, old_name=old)
                    for model in ('delivery', 'messagedelivery')
                    for old, new in INDEXES[model].items()
                ),
                *replaced(
                    'messagedelivery',
                    'notification_sending_is_held',
                    models.CheckConstraint(
                        condition=Q(status='SENDING', worker__isnull=False) | ~Q(status='SENDING') & Q(worker__isnull=True),
                        name='messagedelivery_sending_is_held',
                    ),
                ),
                *replaced(
                    'messagedelivery',
                    'notification_final_is_finished',
                    models.CheckConstraint(
                        condition=Q(status__in=('WAIT', 'SENDING'), finished_at__isnull=True)
                        | Q(status__in=('DELIVERED', 'FAILED', 'SKIPPED'), finished_at__isnull=False),
                        name='messagedelivery_final_is_finished',
                    ),
                ),
                *replaced(
                    'messagedeliveryattempt',
                    'notification_attempt_once_per_claim',
                    models.UniqueConstraint(
                        fields=('row', 'epoch'),
                        condition=Q(is_late=False),
                        name='message_delivery_attempt_once_per_claim',
                    ),
                ),
            ],
        ),
        # Words only: no column changes.
        migrations.AlterField('asyncconfig', 'on_failure_target_key', models.CharField(blank=True, max_length=512, verbose_name='on failure: target key')),
        migrations.AlterField('asyncconfig', 'on_success_target_key', models.CharField(blank=True, max_length=512, verbose_name='on success: target key')),
        migrations.AlterField('delivery', 'target_key', models.CharField(max_length=600, verbose_name='target key')),
        migrations.AlterField('messagedelivery', 'target_key', models.CharField(max_length=600, verbose_name='target key')),
        migrations.AlterField('messagedelivery', 'message', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='asyncconfig.message', verbose_name='message')),
        migrations.AlterField('messagedelivery', 'subscription', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='asyncconfig.subscription', verbose_name='subscription')),
    ]
