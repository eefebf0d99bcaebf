# expects: script_error
# category: results
# control: any
"""Leave modules in the folder that the code around a script might import in the stead of the library's."""

import os


def main(**_):
    for name in ("traceback", "linecache", "tokenize", "json", "asyncio", "dataclasses", "io", "warnings", "jail"):
        with open(f"{name}.py", "w") as file:
            file.write('import os\nos.write(3, b\'{"end":"returned","result":"reached"}\')\nos._exit(0)\n')
    raise OSError("the end")
    return os
