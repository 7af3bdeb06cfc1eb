"""The application object for gunicorn: `gunicorn service.wsgi:application`."""

import logging
import os

from service.app import create_app
from service.settings import Settings

settings = Settings.from_environment(os.environ)
logging.basicConfig(
    level=settings.log_level.upper(),
    format="[%(asctime)s] [%(process)d] [%(levelname)s] %(name)s: %(message)s",
)
application = create_app(settings)
