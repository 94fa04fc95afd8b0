"""What runs in the child processes; standard library only.

The package is imported under two names: by its full name in the pool's process, and
as `_fgconsole` in the zygote, so that user code may call its own modules whatever it
likes. Hence the relative imports in it.
"""
