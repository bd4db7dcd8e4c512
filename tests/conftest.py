"""What every test may ask for."""

pytest_plugins = ["fakes.cloud_storage", "fakes.emulators", "fakes.fake_gcs_server"]
