"""A Django application whose cache (django-redis) and sessions are in the Redis at host and port: all calls of the cache,
cached views, sessions, locks. Usage: django_app.py HOST PORT[,PORT]: what is written at the first port is read at the last
one, as django-redis does with a primary and a replica."""

import sys
import threading

import django
from django.conf import settings
from django.core.cache import caches
from django.http import HttpResponse
from django.urls import path

HOST, PORTS = sys.argv[1], sys.argv[2].split(",")
URLS = [f"redis://{HOST}:{port}/0" for port in PORTS]


def cache_of(location, **options):
    return {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": location, "TIMEOUT": 300,
            "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"}, **options}


settings.configure(
    DEBUG=False, SECRET_KEY="secret", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], USE_TZ=True, INSTALLED_APPS=["django.contrib.sessions"],
    MIDDLEWARE=["django.middleware.cache.UpdateCacheMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
                "django.middleware.cache.FetchFromCacheMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.cache", SESSION_CACHE_ALIAS="sessions", CACHE_MIDDLEWARE_ALIAS="pages",
    CACHES={
        "default": cache_of(URLS),
        "last": cache_of(URLS[-1]),
        "sessions": cache_of(URLS[-1], KEY_PREFIX="session"),
        "pages": cache_of(URLS, KEY_PREFIX="pages"),
        # set_many writes all keys in one transaction, so one slot has to hold them.
        "tagged": cache_of(URLS, KEY_PREFIX="{tagged}"),
    })
django.setup()

from django.test import Client  # noqa: E402

rendered = []


def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(str(request.session["visits"]), headers={"Cache-Control": "no-store"})


def page(request):
    rendered.append(request.path)
    return HttpResponse(f"rendered {len(rendered)}")


def leave(request):
    request.session.flush()
    return HttpResponse("bye", headers={"Cache-Control": "no-store"})


urlpatterns = [path("visits", visits), path("page", page), path("leave", leave)]


def expect(actual, wanted):
    assert actual == wanted, f"got {actual!r}, wanted {wanted!r}"


def calls(cache, other):
    for number in range(100):
        cache.set(f"key:{number}", {"number": number, "text": "ä"})
    expect([other.get(f"key:{number}")["number"] for number in range(100)], list(range(100)))
    expect(len(cache.get_many([f"key:{number}" for number in range(100)] + ["none"])), 100)
    expect((cache.add("added", 1), other.add("added", 2), cache.get("added")), (True, False, 1))
    expect((cache.get("none"), cache.get("none", "default"), cache.get_or_set("made", lambda: [1, 2], 100)), (None, "default", [1, 2]))
    cache.set("count", 5)
    expect((cache.incr("count"), other.incr("count", 10), cache.decr("count", 2)), (6, 16, 14))
    try:
        cache.incr("no count")
    except ValueError:
        pass
    else:
        raise AssertionError("a key that is not there was incremented")
    cache.set("brief", 1, timeout=0.05)
    cache.set("forever", 1, timeout=None)
    assert cache.ttl("forever") is None and 290 < other.ttl("count") <= 300 and 290_000 < other.pttl("count") <= 300_000
    expect((cache.touch("count", 1000), cache.expire("forever", 50), cache.persist("count"), cache.ttl("count")), (True, True, True, None))
    while cache.get("brief") is not None:
        threading.Event().wait(0.01)
    expect((cache.has_key("count"), "none" in cache), (True, False))
    expect((cache.set("version", "two", version=2), cache.get("version"), other.get("version", version=2)), (True, None, "two"))
    expect(sorted(cache.keys("key:1*")), sorted(f"key:{number}" for number in range(100) if str(number).startswith("1")))
    expect(sorted(other.iter_keys("key:*", itersize=7)), sorted(f"key:{number}" for number in range(100)))
    expect(cache.delete_pattern("key:1*", itersize=5), 11)
    expect((cache.delete("key:2"), cache.delete("key:2"), cache.delete_many(["key:3", "key:4", "key:5"])), (True, False, 3))
    expect(len(other.keys("key:*")), 100 - 11 - 4)
    inside, entered = [], []

    def enter(one):
        for _ in range(5):
            with one.lock("section", timeout=30, sleep=0.001):
                inside.append(1)
                expect(len(inside), 1)
                entered.append(one.get_or_set("entered", 0, timeout=None))
                one.set("entered", entered[-1] + 1, timeout=None)
                inside.pop()

    threads = [threading.Thread(target=enter, args=[one]) for one in (caches["default"], caches["last"]) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def many(cache):
    cache.set_many({f"many:{number}": number for number in range(50)}, timeout=100)
    expect(cache.get_many([f"many:{number}" for number in range(50)]), {f"many:{number}": number for number in range(50)})
    expect(cache.incr_version("many:7"), 2)
    expect((cache.get("many:7"), cache.get("many:7", version=2)), (None, 7))
    expect(cache.delete_many([f"many:{number}" for number in range(50)]), 49)


def views():
    first, second = Client(), Client()
    expect([first.get("/visits").content for _ in range(3)], [b"1", b"2", b"3"])
    expect(second.get("/visits").content, b"1")
    expect(first.get("/visits").content, b"4")
    expect([Client().get("/page").content for _ in range(3)], [b"rendered 1"] * 3)
    first.get("/leave")
    expect(first.get("/visits").content, b"1")


caches["default"].clear()
calls(caches["default"], caches["last"])
many(caches["tagged"])
views()
caches["default"].clear()
print("ok")
