"""Random requests about publish and subscribe, client-side caching. Nothing is ever published to a channel that the connection listens
to, and of SUBSCRIBE and its relatives only the forms with one reply are sent: messages, and what answers more than once, are in
tests/compat/cases and tests/integration."""


class PubSubRequests:
    """A part of Generator. `_listens_to`: the request that ends the subscription, if there is one."""

    _listens_to = None

    def pubsub_publish(self):
        return [self.random.choice([b"PUBLISH", b"SPUBLISH"]), self.key(), self.value()]

    def pubsub_ask(self):
        word = self.random.choice([b"CHANNELS", b"NUMSUB", b"NUMPAT", b"SHARDCHANNELS", b"SHARDNUMSUB", b"HELP", b"NOSUCH"])
        return [b"PUBSUB", self.case(word), *self.some_keys(1, 3)[:self.random.choice([0, 0, 1, 2])]]

    def subscription(self):
        """Not in a transaction, whose reply would have the confirmations in it."""
        if self._multi:
            return [b"PING"]
        if self._listens_to is not None and self.random.random() < 0.9:
            request, self._listens_to = self._listens_to, None
            return request
        prefix, channel = self.random.choice([b"", b"P", b"S"]), self.prefix + self.random.choice([b"sub1", b"sub[2", b"sub*"])
        self._listens_to = [prefix + b"UNSUBSCRIBE", channel]
        return self.random.choice([[self.case(prefix + b"SUBSCRIBE"), channel]] * 4 + [self._listens_to])

    def tracking_set(self):
        """Never right, for what is tracked would be pushed between the replies of RESP3."""
        words = [b"BCAST", b"OPTIN", b"OPTOUT", b"NOLOOP", b"PREFIX", b"REDIRECT", b"ABC"]
        chosen = [self.case(word) for word in self.random.sample(words, self.random.randint(1, 4))]
        return [b"CLIENT", b"TRACKING", self.random.choice([b"ON", b"OFF", b"X"]), *chosen, b"x", b"y"]

    def tracking_ask(self):
        return self.random.choice([[b"CLIENT", b"TRACKINGINFO"], [b"CLIENT", b"GETREDIR"],
                                   [b"CLIENT", b"CACHING", self.random.choice([b"YES", b"NO", b"X"])]])


COMMANDS = [(PubSubRequests.pubsub_publish, 4), (PubSubRequests.pubsub_ask, 4),
            (PubSubRequests.subscription, 2), (PubSubRequests.tracking_set, 1), (PubSubRequests.tracking_ask, 1)]
UNORDERED = {b"PUBSUB": "elements"}
