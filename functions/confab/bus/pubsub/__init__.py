"""The bus on Google Pub/Sub, or on an emulator of it."""

from confab.bus.pubsub.publisher import PubSubPublisher
from confab.bus.pubsub.subscription import PubSubSubscription

__all__ = ["PubSubPublisher", "PubSubSubscription"]
