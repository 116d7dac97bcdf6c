#!/bin/sh
# Is the module interesting? Exit code 1 if it is valid and still has an attention
# (lqc-reduce takes every exit code but 0 as a yes).
! lqc-opt "$1" 2>/dev/null | grep -q lqc.attention
