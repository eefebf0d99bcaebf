"""What runs inside the jail: standard library only, sent there as code, never as files."""
