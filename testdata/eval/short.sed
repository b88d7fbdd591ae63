# Four numbers with dots, of which the last goes; groups of hex with colons, of
# which three stay. Answers and wikis hand on patterns of this kind.
s/\b([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.)[0-9]{1,3}\b/\10/g
s/\b([0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:)[0-9a-fA-F:]+/\1:/g
