"""``mqtt://`` and ``mqtts://``: results on an MQTT broker, and a device in Home Assistant."""
