"""What lies between a socket and the sandbox: settings, requests, responses, logs, and how gunicorn serves."""
