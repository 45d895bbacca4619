"""Views of that project: each counts in the cache how often it really ran."""

from django.core.cache import caches
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines
from django.urls import path
from django.views.decorators.cache import cache_page

FRAGMENT = "{% load cache %}{% cache 60 part name %}<b>{{ work }}</b>{% endcache %}"


def ran(name: str) -> int:
    """Count one run of what has this name."""
    cache = caches["memory"]
    cache.add(name, 0)
    return cache.incr(name)


@cache_page(60)
def page(request: HttpRequest) -> HttpResponse:
    """Answer a page that is kept."""
    return HttpResponse(f"run {ran('page')}", headers={"X-Kind": "page"})


def fragment(request: HttpRequest) -> HttpResponse:
    """Answer a page with a part that is kept for each name."""
    template = engines["django"].from_string(FRAGMENT)
    return HttpResponse(template.render({"name": request.GET["name"], "work": lambda: ran("fragment")}))


def login(request: HttpRequest) -> JsonResponse:
    """Note in the session who it is."""
    request.session["user"] = {"name": request.GET["name"], "roles": ["a", "b"]}
    return JsonResponse({})


def whoami(request: HttpRequest) -> JsonResponse:
    """Answer with what the session knows."""
    return JsonResponse({"user": request.session.get("user")})


async def visits(request: HttpRequest) -> JsonResponse:
    """Count by the asynchronous calls."""
    cache = caches["memory"]
    await cache.aadd("visits", 0)
    return JsonResponse({"visits": await cache.aincr("visits")})


urlpatterns = [
    path("page", page),
    path("fragment", fragment),
    path("login", login),
    path("whoami", whoami),
    path("visits", visits),
]
