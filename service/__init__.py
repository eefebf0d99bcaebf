"""What lies between a socket and the sandbox: settings, requests, answers, logs, and how the server is run."""
