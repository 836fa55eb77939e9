"""Types at the prompt of an interactive shell, with Tab where completion is to do the rest, and looks whether what came of it runs.

Usage: type_at_prompt.py SHELL FOLDER; the folder holds backup.tar. The shell finds the completion script where the package put it.
"""

import os
import pty
import re
import select
import sys
import time

SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i", "-C", "function fish_prompt; printf 'ready$ '; end"],
}
PREPARED = {
    "bash": ". /usr/share/bash-completion/bash_completion; bind 'set bell-style none'",
    "zsh": "autoload -Uz compinit; compinit -u -D",
    "fish": "set -p fish_complete_path /usr/share/fish/vendor_completions.d",
}
# What is typed, and what must then stand on the screen.
STEPS = [
    ("/usr/bin/blocktar --version\r", "blocktar 0."),
    ("blocktar ver\t", "verify "),
    ("--prog\t", "--progress"),
    (" no\t", "none"),
    (" back\t", "backup.tar"),
]
PATIENCE_SECONDS = 60
# Colours, and moves of the cursor.
MARKUP = re.compile(r"\x1b\[[0-9;?>=]*[A-Za-z]|\x1b[()].|\x1b[=>]")


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, shell, folder):
        self.screen = ""
        process, self.terminal = pty.fork()
        if process == 0:
            os.chdir(folder)
            os.environ.update(HOME=folder, TERM="xterm", PATH="/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL="C.UTF-8", PS1="ready$ ")
            os.execvp(SHELLS[shell][0], SHELLS[shell])

    def type(self, text):
        self.screen = ""
        os.write(self.terminal, text.encode())

    def await_text(self, text):
        end = time.monotonic() + PATIENCE_SECONDS
        while text not in MARKUP.sub("", self.screen):
            if not select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0]:
                raise SystemExit(f"{sys.argv[1]}: {text!r} did not appear; the terminal shows:\n{self.screen}")
            try:
                self.screen += os.read(self.terminal, 65536).decode(errors="replace")
            except OSError:
                raise SystemExit(f"{sys.argv[1]} ended; the terminal showed:\n{self.screen}") from None


def main():
    shell, folder = sys.argv[1:]
    terminal = Terminal(shell, folder)
    # A result of arithmetic, which cannot be taken for the echo of what was typed.
    status, marked = ("$status", "math 40 + 2") if shell == "fish" else ("$?", "echo $((40 + 2))")
    # A shell that is still starting throws away what is typed.
    terminal.await_text("ready$ ")
    terminal.type(f"{PREPARED[shell]}; {marked}\r")
    terminal.await_text("42\r\n")
    for typed, shown in STEPS:
        terminal.type(typed)
        terminal.await_text(shown)
    terminal.type(f"; echo ended with {status}.\r")
    terminal.await_text("ended with 0.")
    print(f"{shell}: completes commands, options, values and files")


main()
