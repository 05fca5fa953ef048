"""The notifier: what is in the record and at the broker, told to people who are not looking at a screen."""
