"""Random requests about publish and subscribe, client-side caching by a connection that listens to nothing: what is sent to those
who listen, and SUBSCRIBE and its relatives, which answer more than once, are in tests/compat/cases and tests/integration."""


class PubSubRequests:
    """A part of Generator."""

    def pubsub_publish(self):
        return [self.random.choice([b"PUBLISH", b"SPUBLISH"]), self.key(), self.value()]

    def pubsub_ask(self):
        word = self.random.choice([b"CHANNELS", b"NUMSUB", b"NUMPAT", b"SHARDCHANNELS", b"SHARDNUMSUB", b"HELP", b"NOSUCH"])
        return [b"PUBSUB", self.case(word), *self.some_keys(1, 3)[:self.random.choice([0, 0, 1, 2])]]

    def tracking_set(self):
        """Never right, for what is tracked would be pushed between the replies of RESP3."""
        words = [b"BCAST", b"OPTIN", b"OPTOUT", b"NOLOOP", b"PREFIX", b"REDIRECT", b"ABC"]
        chosen = [self.case(word) for word in self.random.sample(words, self.random.randint(1, 4))]
        return [b"CLIENT", b"TRACKING", self.random.choice([b"ON", b"OFF", b"X"]), *chosen, b"x", b"y"]

    def tracking_ask(self):
        return self.random.choice([[b"CLIENT", b"TRACKINGINFO"], [b"CLIENT", b"GETREDIR"],
                                   [b"CLIENT", b"CACHING", self.random.choice([b"YES", b"NO", b"X"])]])


COMMANDS = [(PubSubRequests.pubsub_publish, 4), (PubSubRequests.pubsub_ask, 4),
            (PubSubRequests.tracking_set, 1), (PubSubRequests.tracking_ask, 1)]
