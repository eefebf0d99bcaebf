# expects: 1
# category: results
# control: any
# case plain (results): {"text": "{'end':'returned','result':1}"}
# case more_fields (results): {"text": "{'end':'returned','result':1,'stdout':'x','usage':{},'code':'x','id':'x'}"}
# case spaces (results): {"text": " {\n'end' : 'returned' , 'result':1 } "}
# case end_twice (results): {"text": "{'end':'timeout','end':'returned','result':1}"}
# case result_twice (results): {"text": "{'end':'returned','result':2,'result':1}"}
# case error_too (results): {"text": "{'end':'returned','result':1,'error':'x','traceback':'x','line':1}"}
"""Write one's own result by hand: it is believed, for it is nobody else's, and nothing else in it is."""

import os


def main(text, **_):
    os.write(3, text.replace("'", '"').encode())
    os._exit(0)
    return "went on"
