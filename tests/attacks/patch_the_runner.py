# expects: script_exited or timeout or 1
# category: results
# control: any
# case exit (results): {"module": "os", "name": "_exit"}
# case write (results): {"module": "os", "name": "write"}
# case read (results): {"module": "os", "name": "read"}
# case kill (results): {"module": "os", "name": "kill"}
# case length (results): {"module": "builtins", "name": "len"}
# case memory_view (results): {"module": "builtins", "name": "memoryview"}
# case exception (results): {"module": "builtins", "name": "BaseException"}
# case types (results): {"module": "builtins", "name": "type"}
# case modules (results): {"module": "sys", "name": "modules"}
"""Replace parts of the code around the script, so that it runs code that it never ran."""

import builtins
import importlib


def main(module, name, **_):
    setattr(importlib.import_module(module), name, lambda *_: 0)
    return 1
