"""What the product's processes import of others and needs no settings of Django's: loaded once, before any of them is
forked (`forked.py`). Nothing of the product."""

import gc
import smtplib
import zoneinfo

# ruff: noqa: F401
import celery.app.amqp
import celery.app.control
import celery.app.events
import celery.apps.worker
import celery.backends.redis
import celery.bin.celery
import celery.bin.worker
import celery.concurrency.prefork
import celery.events.state
import celery.fixups.django
import celery.loaders.app
import celery.schedules
import celery.worker.components
import celery.worker.consumer
import celery.worker.strategy
import charset_normalizer
import cron_descriptor
import crontab
import django.contrib.admin.utils
import django.contrib.postgres.fields
import django.core.handlers.wsgi
import django.core.management
import django.core.management.commands.migrate
import django.db.backends.sqlite3.base
import django.db.migrations.executor
import django.db.models
import django.forms
import django.template.engine
import django.template.loader
import django.test.client
import django.urls
import django.utils.log
import django.views.generic
import django_filters.rest_framework
import django_structlog
import drf_spectacular.utils
import environ
import hiredis
import jsonschema
import kombu.transport.redis
import markdown
import orjson
import prometheus_client
import psycopg
import pymongo
import redis
import requests
import rest_framework
import rest_framework.serializers
import rich.console
import rich.progress
import rich.table
import structlog
import uritemplate
import urllib3
import whitenoise
import whitenoise.middleware
import yaml

# django-celery-beat reads all of them in each process that has its models
ZONES = [zoneinfo.ZoneInfo(name) for name in sorted(zoneinfo.available_timezones())]
# All of it lasts as long as the process: no collection of a process that is forked from it need look through it
gc.freeze()
