"""This installation's data ingestion service (DIS): streams and their records.

A stream is a row; its records are in Redis Streams (docs/decisions/0008).
"""
