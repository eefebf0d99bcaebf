# expects: script_exited
# category: results
# control: any
# case two (results): {"parts": ["{'end':'returned','result':1}{'end':'returned','result':2}"]}
# case two_lines (results): {"parts": ["{'end':'returned','result':1}\n{'end':'returned','result':2}\n"]}
# case text_after (results): {"parts": ["{'end':'returned','result':1} HTTP/1.1 200 OK"]}
# case text_before (results): {"parts": ["x{'end':'returned','result':1}"]}
# case byte_order_mark (results): {"parts": ["\ufeff{'end':'returned','result':1}"]}
# case wide (results): {"parts": ["{'end':'returned','result':1}"], "encoding": "utf-16"}
# case invalid_utf8 (results): {"parts": ["{'end':'returned','result':'\u00ff'}"], "encoding": "latin-1"}
# case invalid_utf8_in_key (results): {"parts": ["{'end':'returned','result':1,'\u00ff':1}"], "encoding": "latin-1"}
# case surrogate_bytes (results): {"parts": ["{'end':'returned','result':'~'}"]}
# case nul (results): {"parts": ["{'end':'returned','result':1}\u0000"]}
# case nul_in_string (results): {"parts": ["{'end':'returned','result':'\u0000'}"]}
# case only_nuls (results): {"parts": ["\u0000", 65536]}
# case only_spaces (results): {"parts": [" ", 65536]}
# case partial (results): {"parts": ["{'end':'returned','result':"]}
# case open_string (results): {"parts": ["{'end':'returned','result':'"]}
# case half_escape (results): {"parts": ["{'end':'returned','result':'\\u12'}"]}
# case bare_line_break (results): {"parts": ["{'end':'returned','result':'a\nb'}"]}
# case no_result (results): {"parts": ["{'end':'returned','result':}"]}
# case infinity (results): {"parts": ["{'end':'returned','result':Infinity}"]}
# case hexadecimal (results): {"parts": ["{'end':'returned','result':0x10}"]}
# case leading_zero (results): {"parts": ["{'end':'returned','result':01}"]}
# case comment (results): {"parts": ["{'end':'returned',/**/'result':1}"]}
# case single_quotes (results): {"parts": ["{'end':'returned','result':1}"], "quote": "'"}
# case list (results): {"parts": ["['returned',1]"]}
# case number (results): {"parts": ["1"]}
# case nothing (results): {"parts": ["null"]}
# case empty_object (results): {"parts": ["{}"]}
# case unknown_end (results): {"parts": ["{'end':'held','result':1}"]}
# case end_of_host (results): {"parts": ["{'end':'internal_error','error':'x'}"]}
# case overloaded (results): {"parts": ["{'end':'overloaded','error':'x'}"]}
# case end_is_a_list (results): {"parts": ["{'end':['returned'],'result':1}"]}
# case end_twice_last_forged (results): {"parts": ["{'end':'returned','end':'timeout','result':1}"]}
# case error_is_a_number (results): {"parts": ["{'end':'script_error','error':1}"]}
# case traceback_is_a_list (results): {"parts": ["{'end':'script_error','error':'x','traceback':[]}"]}
# case line_negative (results): {"parts": ["{'end':'script_error','error':'x','line':-1}"]}
# case line_zero (results): {"parts": ["{'end':'script_error','error':'x','line':0}"]}
# case line_of_64_bits (results): {"parts": ["{'end':'script_error','error':'x','line':18446744073709551616}"]}
# case line_is_a_float (results): {"parts": ["{'end':'script_error','error':'x','line':1e400}"]}
# case deep_lists (results): {"parts": ["{'end':'returned','result':", 1, "[", 5000, "]", 5000, "}", 1]}
# case deep_objects (results): {"parts": ["{'end':'returned','result':", 1, "{'a':", 5000, "1", 1, "}", 5001]}
# case deep_elsewhere (results): {"parts": ["{'end':'returned','result':1,'more':", 1, "[", 5000, "]", 5000, "}", 1]}
# case status_7 (results): {"parts": ["{'end':'returned','result':1}"], "status": 7}
# case status_255 (results): {"parts": ["{'end':'returned','result':1}"], "status": 255}
# case nothing_at_all (results): {"parts": []}
"""Write a text of one's own into the channel of the result, and go; `'` in it is `"`, and `~` a lone surrogate."""

import os


def main(parts, encoding="utf-8", quote='"', status=0, **_):
    pieces = parts if len(parts) < 2 else [text * count for text, count in zip(parts[::2], parts[1::2], strict=True)]
    left = "".join(pieces).replace("'", quote).replace("~", "\ud800").encode(encoding, "surrogatepass")
    while left:
        left = left[os.write(3, left) :]
    os._exit(status)
    return "went on"
