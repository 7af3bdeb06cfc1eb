"""The application object for gunicorn: `gunicorn service.wsgi:application`."""

import logging.config
import os

from service.app import create_app
from service.logs import configuration
from service.settings import Settings

settings = Settings.from_environment(os.environ)
logging.config.dictConfig(configuration(settings.log_level, settings.log_format))
application = create_app(settings)
