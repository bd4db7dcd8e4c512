"""What every test may ask for, and what holds for every process of the tests."""

import signal

# A shell that starts the tests in the background has them ignore Ctrl-C, and all that they start would ignore it, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["fakes.cloud_storage", "fakes.emulators", "fakes.fake_gcs_server"]
