"""Random requests about places."""

_CENTERS = [(13.4, 52.5), (2.35, 48.85), (-122.4, 37.8), (179.99, -16.5), (-179.99, -16.5), (0, 0), (25.0, 69.9), (15.6, 78.2), (0, -84.9),
            (-70.0, -55.0)]
_BAD_POINTS = [(b"181", b"0"), (b"0", b"86"), (b"abc", b"0"), (b"0", b""), (b"nan", b"0"), (b"inf", b"1"), (b"180", b"85.05112878"),
               (b"-180", b"-85.05112878"), (b"0", b"85.05112879")]
_UNITS = [b"m", b"km", b"km", b"km", b"ft", b"mi", b"KM", b"miles"]


class GeoRequests:
    """A part of Generator."""

    def geo_member(self):
        return self.random.choice([b"p%d" % self.random.randint(0, 30), b"p1", b"a", b"b", b"1"])

    def geo_point(self):
        if self.random.random() < 0.03:
            return list(self.random.choice(_BAD_POINTS))
        longitude, latitude = self.random.choice(_CENTERS)
        kind = self.random.random()
        # Often the very same place, so that distances are equal.
        spread = 0 if kind < 0.15 else 0.02 if kind < 0.5 else 1.5 if kind < 0.8 else 40
        if kind > 0.95:
            longitude, latitude, spread = 0, 0, 180
        longitude += self.random.uniform(-spread, spread)
        latitude += self.random.uniform(-spread, spread)
        longitude = (longitude + 180) % 360 - 180
        return [b"%.*f" % (self.random.randint(2, 8), longitude), b"%.6f" % max(-85.05, min(85.05, latitude))]

    def geo_unit(self):
        return self.random.choice(_UNITS) if self.random.random() < 0.3 else b"km"

    def geo_length(self):
        if self.random.random() < 0.04:
            return self.random.choice([b"-1", b"abc", b"inf", b"nan", b"1e300", b"", b"0"])
        return b"%.3f" % (10 ** self.random.uniform(-1, 4.4))

    def geo_add(self):
        request = [b"GEOADD", self.key()]
        for option, often in ((b"NX", 0.1), (b"XX", 0.1), (b"CH", 0.2), (b"GT", 0.01)):
            if self.random.random() < often:
                request.append(self.case(option))
        for _ in range(self.random.choice([1, 2, 5, 10, 40])):
            request += [*self.geo_point(), self.geo_member()]
        return request

    def geo_read(self):
        name = self.random.choice([b"GEOPOS", b"GEOHASH", b"GEODIST", b"GEODIST"])
        if name == b"GEODIST":
            request = [name, self.key(), self.geo_member(), self.geo_member()]
            return request + [self.random.choice(_UNITS)] if self.random.random() < 0.6 else request
        return [name, self.key(), *(self.geo_member() for _ in range(self.random.randint(0, 4)))]

    def geo_options(self, store):
        options = []
        for words, often in (([b"WITHDIST"], 0.05 if store else 0.5), ([b"WITHHASH"], 0.02 if store else 0.2), ([b"WITHCOORD"], 0.02 if store else 0.3),
                             ([b"ASC"], 0.25), ([b"DESC"], 0.15), ([b"COUNT", self.integer(1, 12)], 0.4), ([b"ANY"], 0.1)):
            if self.random.random() < often:
                options.append([self.case(words[0]), *words[1:]])
        self.random.shuffle(options)
        return [word for option in options for word in option]

    def geo_search(self):
        store = self.random.random() < 0.25
        request = [b"GEOSEARCHSTORE", self.key()] if store else [b"GEOSEARCH"]
        request.append(self.key())
        parts = [[b"FROMMEMBER", self.geo_member()] if self.random.random() < 0.4 else [b"FROMLONLAT", *self.geo_point()]]
        if self.random.random() < 0.5:
            parts.append([b"BYRADIUS", self.geo_length(), self.geo_unit()])
        else:
            parts.append([b"BYBOX", self.geo_length(), self.geo_length(), self.geo_unit()])
        parts.append(self.geo_options(store))
        if store and self.random.random() < 0.4:
            parts.append([b"STOREDIST"])
        if self.random.random() < 0.2:
            self.random.shuffle(parts)
        if self.random.random() < 0.02:
            del parts[self.random.randrange(2)]
        return request + [word for part in parts for word in part]

    def geo_radius(self):
        by_member = self.random.random() < 0.5
        name = self.random.choice([b"GEORADIUS", b"GEORADIUS_RO"])
        if by_member:
            name = name.replace(b"RADIUS", b"RADIUSBYMEMBER")
        request = [name, self.key(), *([self.geo_member()] if by_member else self.geo_point()), self.geo_length(), self.geo_unit()]
        store = self.random.random() < 0.2
        request += self.geo_options(store)
        if store:
            request += [self.case(self.random.choice([b"STORE", b"STOREDIST"])), self.key()]
        return request


COMMANDS = [(GeoRequests.geo_add, 10), (GeoRequests.geo_read, 5), (GeoRequests.geo_search, 10), (GeoRequests.geo_radius, 7)]
