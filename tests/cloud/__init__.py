"""A whole deployment on emulators: what is ours runs as it does on Google Cloud, in processes of its own."""
