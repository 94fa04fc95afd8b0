"""Let what a back-up left unsettled be held, and workers say how they isolate.

SQLite changes a constraint by copying the table: once for each of the three.
"""

from django.db import migrations, models
from django.db.models import Q


class Widen(migrations.SeparateDatabaseAndState):
    """Put a constraint that allows more in the place of one of the same name."""

    def __init__(self, model_name, constraint):
        self.model_name, self.constraint = model_name, constraint
        super().__init__(state_operations=[
            migrations.RemoveConstraint(model_name, constraint.name),
            migrations.AddConstraint(model_name, constraint),
        ])

    def deconstruct(self):
        return type(self).__name__, [self.model_name, self.constraint], {}

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        self._replace(app_label, schema_editor, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        self._replace(app_label, schema_editor, to_state)

    def _replace(self, app_label, schema_editor, state):
        model = state.apps.get_model(app_label, self.model_name)
        wanted = next(c for c in model._meta.constraints if c.name == self.constraint.name)
        if schema_editor.connection.vendor != 'sqlite':
            schema_editor.remove_constraint(model, wanted)
        # SQLite writes the table anew with all that the model has by now.
        schema_editor.add_constraint(model, wanted)


def constraint(prefix, open_states, final_states):
    condition = (
        Q(status__in=open_states, finished_at__isnull=True)
        | Q(status='HELD', finished_at__isnull=True, held_at__isnull=False)
        | Q(status__in=final_states, finished_at__isnull=False)
    )
    return models.CheckConstraint(condition=condition, name=f'{prefix}_final_is_finished')


def held(model_name, states, constraint):
    return [
        migrations.AddField(
            model_name, 'held_at', models.DateTimeField('held since', null=True)
        ),
        migrations.AlterField(model_name, 'status', states),
        Widen(model_name, constraint),
        migrations.AddIndex(
            model_name,
            models.Index(
                fields=['id'], condition=Q(status='HELD'), name=f'{model_name}_on_hold'
            ),
        ),
    ]


OUTBOUND = models.CharField(
    'status', max_length=9, default='WAIT',
    choices=[
        ('WAIT', 'Pending'), ('HELD', 'Held'), ('SENDING', 'Sending'),
        ('DELIVERED', 'Delivered'), ('FAILED', 'Delivery failed'), ('SKIPPED', 'Not sent'),
    ],
)


class Migration(migrations.Migration):
    dependencies = [
        ('asyncconfig', '0010_one_word_each'),
    ]

    operations = [
        migrations.AddField(
            'worker', 'isolation_level',
            models.PositiveSmallIntegerField('isolation level', null=True, blank=True),
        ),
        *held(
            'invocation',
            models.CharField(
                'status', max_length=7, default='WAIT',
                choices=[
                    ('WAIT', 'Waiting'), ('HELD', 'Held'), ('RUNNING', 'Running'),
                    ('SUCCESS', 'Succeeded'), ('FAIL', 'Failed'), ('DISCARD', 'Discarded'),
                ],
            ),
            constraint('invocation', ('WAIT', 'RUNNING'), ('SUCCESS', 'FAIL', 'DISCARD')),
        ),
        *(
            operation
            for name in ('delivery', 'messagedelivery')
            for operation in held(
                name, OUTBOUND,
                constraint(name, ('WAIT', 'SENDING'), ('DELIVERED', 'FAILED', 'SKIPPED')),
            )
        ),
    ]
