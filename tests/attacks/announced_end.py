# expects: script_exited or timeout or 1
# category: processes
# control: any
# case without_result (results): {"text": ""}
# case with_result (results): {"text": "{'end':'returned','result':1}"}
# case and_goes_on (processes): {"text": "{'end':'returned','result':1}", "go_on": true}
"""Stop as the jail stops a script that is done, to go on once the answer is on its way."""

import os
import signal
import threading


def continue_for_ever():
    while True:
        os.kill(os.getpid(), signal.SIGCONT)


def main(text, go_on=False, **_):
    os.write(3, text.replace("'", '"').encode())
    if go_on:
        threading.Thread(target=continue_for_ever, daemon=True).start()
    while True:
        os.kill(os.getpid(), signal.SIGSTOP)
    return "went on"
