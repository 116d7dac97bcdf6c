# Runs a command; fails unless its exit code is $STATUS.
"$@"
[ $? -eq "$STATUS" ]
