"""The host side of one jail: what this host has, how a jail is started, and its handle."""
