"""Settings of a small project that caches wherever Django can: pages, fragments of templates, sessions, by hand."""

import os

SECRET_KEY = "of a test"
ALLOWED_HOSTS = ["testserver"]
USE_TZ = True
ROOT_URLCONF = "site_urls"
INSTALLED_APPS = ["django.contrib.sessions"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
SESSION_CACHE_ALIAS = "sessions"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
_DOZO = "dozo.compat.django.DozoCache"
_PLACE = os.environ["SITE_CACHE"]
CACHES = {
    # Cached responses are objects of Django's, which only pickle takes.
    "default": {"BACKEND": _DOZO, "LOCATION": f"{_PLACE}/pages", "OPTIONS": {"serializer": "pickle"}},
    "sessions": {"BACKEND": _DOZO, "LOCATION": f"{_PLACE}/sessions", "KEY_PREFIX": "s"},
    "memory": {"BACKEND": _DOZO, "LOCATION": "memory:"},
}
